import numpy as np
import pytest
from scipy import sparse

from scgarage.errors import InputError
from scgarage.judge.privacy import exact_copies
from scgarage.judge.privacy.copies import row_hashes


def _counts(n_cells: int, n_genes: int, seed: int) -> sparse.csr_matrix:
    return sparse.csr_matrix(np.random.default_rng(seed).poisson(0.4, (n_cells, n_genes)).astype(np.float32))


def test_agrees_with_comparing_every_pair() -> None:
    # Six genes: many chance matches.
    cells, train = _counts(200, 6, 0), _counts(150, 6, 1)
    first, second = cells.toarray(), train.toarray()
    equal = (first[:, None] == second[None]).all(axis=2) & first.any(axis=1)[:, None]
    found = exact_copies(cells, train)
    np.testing.assert_array_equal(found >= 0, equal.any(axis=1))
    hits = np.flatnonzero(found >= 0)
    assert 20 < len(hits) < 200
    assert equal[hits, found[hits]].all()


def test_order_of_stored_entries_and_explicit_zeros_do_not_matter() -> None:
    train = _counts(50, 30, 2)
    messy = train[::-1].copy()
    for row in range(50):
        part = slice(messy.indptr[row], messy.indptr[row + 1])
        messy.indices[part], messy.data[part] = messy.indices[part][::-1].copy(), messy.data[part][::-1].copy()
    messy.has_sorted_indices = False
    assert exact_copies(messy, train).tolist() == list(range(49, -1, -1))
    dense = sparse.coo_matrix((np.zeros(1), ([0], [3])), shape=(1, 30)).tocsr()
    assert exact_copies(dense, train).tolist() == [-1]


def test_one_count_more_is_no_copy_and_nor_is_a_cell_without_counts() -> None:
    train = sparse.csr_matrix([[0, 2, 1], [0, 0, 0]])
    assert exact_copies(sparse.csr_matrix([[0, 2, 2], [0, 0, 0], [0, 2, 1]]), train).tolist() == [-1, -1, 0]


def test_log_values_are_compared_to_three_decimals() -> None:
    train = sparse.csr_matrix(np.random.default_rng(3).random((20, 10)))
    assert (exact_copies(train.astype(np.float32), train) >= 0).all()
    assert (exact_copies(train + sparse.csr_matrix(np.full((20, 10), 0.01)), train) == -1).all()


def test_hashes_differ_where_rows_do() -> None:
    rows = np.unique(_counts(3000, 12, 4).toarray(), axis=0)
    assert len(np.unique(row_hashes(sparse.csr_matrix(rows)))) == len(rows)


def test_other_genes_are_refused() -> None:
    with pytest.raises(InputError, match="6 genes and the training cells 7"):
        exact_copies(_counts(3, 6, 0), _counts(3, 7, 0))
