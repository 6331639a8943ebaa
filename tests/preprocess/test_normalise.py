"""log1p CP10k against scanpy, and back to counts."""

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from scgarage.errors import InputError
from scgarage.io.cells import counts_from_log_expr, library_size, log1p_cp10k


def some_counts(n_cells: int = 40, n_genes: int = 30, dtype: type = np.float32) -> np.ndarray:
    rng = np.random.default_rng(0)
    counts = rng.negative_binomial(0.3, 0.02, size=(n_cells, n_genes)).astype(dtype)
    counts[:, 0] += 1
    return counts


CONTAINERS = {
    "dense": np.asarray,
    "csr": sparse.csr_matrix,
    "csc": sparse.csc_matrix,
    "csr_array": sparse.csr_array,
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_values_are_those_of_scanpy(container, dtype):
    counts = CONTAINERS[container](some_counts(dtype=dtype))
    table = ad.AnnData(X=sparse.csr_matrix(some_counts(dtype=np.float64)))
    sc.pp.normalize_total(table, target_sum=1e4)
    sc.pp.log1p(table)
    found = log1p_cp10k(counts)
    assert found.dtype == np.float32
    assert sparse.issparse(found) == (container != "dense")
    dense = found.toarray() if sparse.issparse(found) else found
    assert_allclose(dense, table.X.toarray(), rtol=1e-6)


@pytest.mark.parametrize("container", CONTAINERS)
def test_input_is_not_changed(container):
    counts = CONTAINERS[container](some_counts(dtype=np.float64))
    before = counts.copy()
    log1p_cp10k(counts)
    assert_array_equal(
        counts.toarray() if sparse.issparse(counts) else counts,
        before.toarray() if sparse.issparse(before) else before,
    )


def test_entries_given_twice_are_added_first():
    twice = sparse.csr_matrix(([1.0, 2.0, 1.0], [0, 0, 1], [0, 3]), shape=(1, 2))
    assert_allclose(log1p_cp10k(twice).toarray(), log1p_cp10k(np.array([[3.0, 1.0]])), rtol=1e-6)
    assert twice.nnz == 3


def test_depth_of_a_cell_does_not_matter():
    counts = some_counts().astype(np.float64)
    depth = np.random.default_rng(1).integers(1, 9, size=(len(counts), 1))
    assert_allclose(log1p_cp10k(counts * depth), log1p_cp10k(counts), rtol=1e-6)


def test_totals_of_all_genes_serve_a_subset_of_genes():
    counts = some_counts()
    found = log1p_cp10k(counts[:, :7], totals=library_size(counts))
    assert_array_equal(found, log1p_cp10k(counts)[:, :7])


def test_library_size_is_exact_beyond_float32():
    counts = np.full((1, 3), 2**24, dtype=np.float32)
    counts[0, 2] = 1
    assert library_size(counts).tolist() == library_size(sparse.csr_matrix(counts)).tolist() == [2**25 + 1]


def test_empty_cells_and_wrong_totals_are_refused():
    counts = some_counts()
    counts[3] = 0
    with pytest.raises(InputError, match="1 cells have no counts"):
        log1p_cp10k(sparse.csr_matrix(counts))
    with pytest.raises(InputError, match="one library size per cell"):
        log1p_cp10k(some_counts(), totals=np.ones(3))
    with pytest.raises(InputError, match="one library size per cell"):
        counts_from_log_expr(some_counts(), np.ones((40, 1)))


@pytest.mark.parametrize("largest", [10, 1_000, 100_000, 1_000_000])
def test_counts_come_back_exactly(largest):
    rng = np.random.default_rng(largest)
    counts = np.zeros((20_000, 3))
    counts[:, 0] = rng.integers(0.9 * largest, largest, size=20_000, endpoint=True)
    counts[:, 1] = rng.integers(0, largest, size=20_000, endpoint=True)
    counts[::2, 2] = rng.integers(0, 5, size=10_000)
    counts[1::2, 2] = rng.integers(0, 10**7, size=10_000)  # makes the others a small share
    counts[1::2, 2] = np.minimum(counts[1::2, 2], 10**6)
    log_expr = log1p_cp10k(counts)
    assert_array_equal(counts_from_log_expr(log_expr, library_size(counts)), counts)


def test_counts_are_whole_and_not_negative():
    rng = np.random.default_rng(0)
    counts = counts_from_log_expr(rng.normal(size=(5, 6)).astype(np.float32), rng.uniform(1e4, 1e5, size=5))
    assert counts.dtype == np.float32
    assert counts.min() == 0
    assert_array_equal(counts, np.rint(counts))
