import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize

from scgarage.errors import InputError
from scgarage.judge.clusters.selection import cv2, cv2_score, fit_trend


def test_cv2_is_that_of_numpy(log_expr: sparse.csr_matrix) -> None:
    values = np.delete(np.expm1(log_expr.toarray()), 7, axis=1)
    expected = (values.std(axis=0, ddof=1) / values.mean(axis=0)) ** 2
    found = cv2(log_expr)
    assert np.isnan(found[7])
    assert np.delete(found, 7) == pytest.approx(expected)


def test_trend_has_the_least_gamma_deviance() -> None:
    rng = np.random.default_rng(1)
    mean = rng.lognormal(0, 1.5, 400)
    variation = (2.0 / mean + 0.3) * rng.gamma(5, 1 / 5, 400)

    def deviance(coefficients: np.ndarray) -> float:
        fitted = coefficients[0] / mean + coefficients[1]
        return float((variation / fitted + np.log(fitted)).sum())

    precise = {"xatol": 1e-9, "fatol": 1e-9}
    oracle = minimize(deviance, [1.0, 1.0], method="Nelder-Mead", bounds=[(0.01, 9), (0.01, 9)], options=precise)
    found = fit_trend(mean, variation)
    assert found == pytest.approx(oracle.x, rel=1e-4)
    assert found == pytest.approx((2.0, 0.3), rel=0.15)


def test_poisson_genes_of_any_mean_score_one_and_a_marker_more() -> None:
    rng = np.random.default_rng(2)
    rates = np.geomspace(0.05, 20, 60)
    counts = rng.poisson(rates, size=(3000, 60)).astype(float)
    counts[:150, 30] = rng.poisson(30, 150)
    score = cv2_score(np.log1p(counts))
    assert score.argmax() == 30
    assert np.delete(score, 30) == pytest.approx(1.0, abs=0.35)


def test_one_cell_with_many_counts_does_not_make_a_gene_variable() -> None:
    counts = np.random.default_rng(3).poisson(1.0, size=(500, 30)).astype(float)
    counts[0, 4] = 300.0
    assert cv2(np.log1p(counts)).argmax() == 4
    assert cv2_score(np.log1p(counts))[4] < 3.0


def test_genes_in_too_few_cells_have_no_score(log_expr: sparse.csr_matrix) -> None:
    assert np.flatnonzero(np.isneginf(cv2_score(log_expr))).tolist() == [7, 9]


def test_order_of_cells_and_genes_does_not_matter(log_expr: sparse.csr_matrix) -> None:
    rng = np.random.default_rng(4)
    cells, genes = rng.permutation(90), rng.permutation(40)
    assert cv2_score(log_expr[cells][:, genes]) == pytest.approx(cv2_score(log_expr)[genes])


def test_one_cell_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 cells"):
        cv2_score(np.ones((1, 3)))
