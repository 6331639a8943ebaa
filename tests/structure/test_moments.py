import numpy as np
import pytest
from scipy import sparse

from scgarage.errors import InputError
from scgarage.judge.clusters.selection import GeneMoments, clipped_variance


def test_moments_are_those_of_numpy(log_expr: sparse.csr_matrix) -> None:
    values = np.expm1(log_expr.toarray())
    moments = GeneMoments.of(log_expr)
    assert moments.mean == pytest.approx(values.mean(axis=0))
    assert moments.variance == pytest.approx(values.var(axis=0, ddof=1))
    assert moments.n_detected.tolist() == (values > 0).sum(axis=0).tolist()
    assert GeneMoments.of(log_expr.toarray()).variance == pytest.approx(moments.variance)


def test_steady_gene_with_large_mean_keeps_its_variance() -> None:
    values = 1e4 + np.tile([0.0, 0.1], 50)[:, None]
    assert GeneMoments.of(np.log1p(values)).variance == pytest.approx(values.var(axis=0, ddof=1), rel=1e-6)


def test_clipped_variance_matches_numpy(log_expr: sparse.csr_matrix) -> None:
    values = np.expm1(log_expr.toarray())
    expected = np.full(40, 0.4)
    bounded = np.minimum(values, values.mean(axis=0) + np.sqrt(90 * 0.4))
    oracle = ((bounded - values.mean(axis=0)) ** 2).sum(axis=0) / 89
    found = clipped_variance(log_expr, GeneMoments.of(log_expr), expected)
    assert found == pytest.approx(oracle)
    assert (oracle < values.var(axis=0, ddof=1) - 1e-6).any()


def test_input_is_left_as_it_was(log_expr: sparse.csr_matrix) -> None:
    before = log_expr.copy()
    clipped_variance(log_expr, GeneMoments.of(log_expr), np.full(40, 0.1))
    assert (log_expr != before).nnz == 0


def test_one_cell_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 cells; found 1"):
        GeneMoments.of(np.ones((1, 3)))
