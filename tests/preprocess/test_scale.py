"""Scaling by the maximum and back."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.preprocessing import MaxAbsScaler

from scgarage.errors import InputError
from scgarage.pp import MaxScaler


def log_expr(n_cells: int = 300) -> np.ndarray:
    rng = np.random.default_rng(0)
    values = rng.gamma(1.0, 2.0, size=(n_cells, 8)) * (rng.random((n_cells, 8)) < 0.3)
    values[:, 5] = 0
    return values.astype(np.float32)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_values_are_those_of_scikit_learn(container):
    x = log_expr()
    expected = MaxAbsScaler().fit_transform(x)
    found = MaxScaler.fit(container(x)).transform(container(x))
    dense = found.toarray() if sparse.issparse(found) else found
    assert dense.dtype == np.float32
    assert_allclose(dense, expected, rtol=1e-6)
    assert dense.max(axis=0)[[0, 1, 2, 3, 4, 6, 7]].tolist() == [1.0] * 7  # exactly, never above


def test_sparse_stays_sparse_and_equals_dense():
    x = log_expr()
    scaler = MaxScaler.fit(x)
    found = scaler.transform(sparse.csr_matrix(x))
    assert isinstance(found, sparse.csr_matrix)
    assert found.nnz == np.count_nonzero(x)
    assert_array_equal(found.toarray(), scaler.transform(x))


def test_inverse_gives_the_values_back():
    x = log_expr()
    scaler = MaxScaler.fit(x)
    assert_allclose(scaler.inverse_transform(scaler.transform(x)), x, rtol=3e-7)


def test_gene_without_expression_stays_zero_and_finite():
    x = log_expr()
    scaler = MaxScaler.fit(x)
    assert scaler.maximum[5] == 1
    assert_array_equal(scaler.transform(x)[:, 5], 0)
    other = np.ones((1, 8), dtype=np.float32)
    assert scaler.transform(other)[0, 5] == 1
    assert_allclose(scaler.inverse_transform(scaler.transform(other)), other, rtol=3e-7)


def test_unit_and_order_of_cells_do_not_matter():
    x = log_expr()
    scaled = MaxScaler.fit(x).transform(x)
    order = np.random.default_rng(1).permutation(len(x))
    assert_array_equal(MaxScaler.fit(x[order]).transform(x[order]), scaled[order])
    assert_allclose(MaxScaler.fit(x * 3).transform(x * 3), scaled, rtol=1e-6)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_input_is_not_changed(container):
    x = container(log_expr())
    before = x.copy()
    MaxScaler.fit(x).transform(x)
    assert abs(x - before).max() == 0


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("bad", [-0.1, np.nan])
def test_negative_and_missing_values_are_refused(container, bad):
    x = log_expr()
    x[3, 4] = bad
    with pytest.raises(InputError, match="values >= 0"):
        MaxScaler.fit(container(x))


def test_no_cells_are_refused():
    with pytest.raises(InputError, match="at least one cell"):
        MaxScaler.fit(np.empty((0, 3)))
