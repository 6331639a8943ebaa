import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from scgarage.errors import InputError
from scgarage.io.matrix import as_matrix, column_sums, compact, find_values, row_chunks, row_sums


@pytest.fixture
def dense():
    rng = np.random.default_rng(0)
    return rng.poisson(0.4, (23, 11)).astype(np.float64)


@pytest.mark.parametrize(
    "make", [np.asarray, pd.DataFrame, sp.csr_matrix, sp.csc_matrix, sp.coo_matrix, sp.csr_array, sp.csc_array]
)
def test_as_matrix_keeps_values_and_gives_one_of_two_forms(dense, make):
    matrix = as_matrix(make(dense))
    assert isinstance(matrix, sp.csr_matrix | np.ndarray)
    assert sp.issparse(matrix) == sp.issparse(make(dense))
    np.testing.assert_array_equal(matrix.toarray() if sp.issparse(matrix) else matrix, dense)


def test_as_matrix_does_not_copy_csr(dense):
    X = sp.csr_matrix(dense)
    assert as_matrix(X) is X


def test_as_matrix_turns_booleans_and_half_precision_into_float32(dense):
    assert as_matrix(dense > 0).dtype == np.float32
    assert as_matrix(sp.csr_matrix(dense > 0)).dtype == np.float32
    assert as_matrix(dense.astype(np.float16)).dtype == np.float32


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (None, "None"),
        ([[1, 2]], "builtins.list"),
        (np.zeros(3), "shape"),
        (np.array([["a", "b"]]), "dtype"),
        (np.zeros((2, 2), dtype=complex), "dtype"),
    ],
)
def test_as_matrix_refuses_what_is_no_numeric_matrix(bad, expected):
    with pytest.raises(InputError, match=expected):
        as_matrix(bad)


@pytest.mark.parametrize("max_values", [1, 7, 50, 10_000])
def test_row_chunks_cover_every_row_once(dense, max_values):
    for X in (dense, sp.csr_matrix(dense)):
        starts, blocks = zip(*row_chunks(X, max_values=max_values), strict=True)
        assert list(starts) == list(np.cumsum([0, *(block.shape[0] for block in blocks[:-1])]))
        joined = sp.vstack([sp.csr_matrix(block) for block in blocks]).toarray()
        np.testing.assert_array_equal(joined, dense)


def test_sums_agree_with_numpy_and_are_in_double_precision(dense):
    big = (dense * 2**23 + 1).astype(np.float32)
    for X in (big, sp.csr_matrix(big)):
        np.testing.assert_array_equal(row_sums(X), big.astype(np.float64).sum(axis=1))
        np.testing.assert_array_equal(column_sums(X), big.astype(np.float64).sum(axis=0))


def test_find_values_says_how_many_and_where_the_first_is(dense):
    dense[4, 7], dense[9, 2] = -1.0, -3.0
    for X in (dense, sp.csr_matrix(dense)):
        assert find_values(X, lambda values: values < 0) == (2, (4, 7))
        assert find_values(X, np.isnan) == (0, None)


def test_compact_makes_mostly_zero_values_sparse_and_keeps_the_rest_dense(dense):
    sparse = compact(dense)
    assert isinstance(sparse, sp.csr_matrix)
    assert sparse.dtype == np.float32
    np.testing.assert_array_equal(sparse.toarray(), dense)
    full = compact(dense + 1)
    assert isinstance(full, np.ndarray)
    assert full.dtype == np.float32


def test_compact_removes_stored_zeros_and_sorts():
    X = sp.csr_matrix((np.array([5, 0, 2]), np.array([2, 1, 0]), np.array([0, 3])), shape=(1, 3))
    found = compact(X)
    assert found.indices.tolist() == [0, 2]
    assert found.data.tolist() == [2.0, 5.0]


def test_compact_keeps_whole_numbers_that_float32_cannot_hold():
    large = np.array([[0, 0, 2**24 + 1]])
    assert compact(large).dtype == np.float64
    assert int(compact(large)[0, 2]) == 2**24 + 1
    assert compact(np.array([[0, 0, 2**25]])).dtype == np.float32
    assert compact(np.array([[0.0, 0.0, 2.0**24 + 0.5]])).dtype == np.float32
