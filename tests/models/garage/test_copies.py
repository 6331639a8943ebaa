import numpy as np
import pytest
from scipy import sparse

from scgarage.models.garage.redraw import Fingerprints


def cells(n_cells=300, n_genes=40, seed=0):
    return sparse.csr_matrix(np.random.default_rng(seed).poisson(1.0, (n_cells, n_genes)).astype(np.float32))


def test_copies_are_found_and_changed_cells_are_not():
    known = cells()
    prints = Fingerprints.of(known)
    assert prints.match(known[[5, 200, 5]]).all()
    assert not prints.match(cells(seed=1)).any()
    changed = known[:50].toarray()
    changed[np.arange(50), np.arange(50) % 40] += 1
    assert not prints.match(sparse.csr_matrix(changed)).any()


def test_mixed_cells_are_told_apart_row_by_row():
    known, new = cells(), cells(seed=1)
    both = sparse.csr_matrix(sparse.vstack([new[:3], known[:2], new[3:5]]))
    assert Fingerprints.of(known).match(both).tolist() == [False] * 3 + [True] * 2 + [False] * 2


def test_it_agrees_with_a_comparison_of_rows():
    known, made = cells(400, 4), cells(400, 4, seed=2)
    seen = {tuple(row) for row in known.toarray()}
    expected = [tuple(row) in seen for row in made.toarray()]
    assert 0 < sum(expected) < 400
    np.testing.assert_array_equal(Fingerprints.of(known).match(made), expected)


def test_order_of_indices_of_cells_and_stored_zeros_are_irrelevant():
    known = cells()
    numbers = Fingerprints.of(known).numbers
    order = np.random.default_rng(0).permutation(known.shape[0])
    np.testing.assert_array_equal(Fingerprints.of(known[order]).numbers, numbers)
    backwards = sparse.csr_matrix(
        (known.data[::-1].copy(), known.indices[::-1].copy(), known.indptr[-1] - known.indptr[::-1]), shape=known.shape
    )
    np.testing.assert_array_equal(Fingerprints.of(backwards).numbers, numbers)
    dense = known.toarray()
    rows, genes = np.indices(dense.shape).reshape(2, -1)
    stored = sparse.csr_matrix((dense.ravel(), genes, np.arange(0, dense.size + 1, dense.shape[1])), shape=dense.shape)
    assert stored.nnz == dense.size
    np.testing.assert_array_equal(Fingerprints.of(stored).numbers, numbers)
    assert len(rows) == dense.size


def test_swapped_values_are_another_cell():
    prints = Fingerprints.of(sparse.csr_matrix(np.array([[1.0, 2.0, 0.0]], dtype=np.float32)))
    others = np.array([[2, 1, 0], [0, 1, 2], [3, 0, 0], [1, 2, 1]], dtype=np.float32)
    assert not prints.match(sparse.csr_matrix(others)).any()


@pytest.mark.parametrize("n_cells", [0, 1])
def test_few_cells(n_cells):
    prints = Fingerprints.of(cells())
    assert prints.match(cells()[:n_cells]).tolist() == [True] * n_cells
    assert not Fingerprints.of(cells()[:0]).match(cells()).any()
