import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA

from scgarage.judge.legacy.clustering import legacy_cv2_score, legacy_fano_score, legacy_pca_loading_score


def test_cv2_is_the_dispersion_standardised_in_its_bin(log_expr: sparse.csr_matrix) -> None:
    values = log_expr.toarray()
    mean, dispersion = values.mean(axis=0), np.zeros(40)
    for gene in np.flatnonzero(mean):
        dispersion[gene] = values[:, gene].var(ddof=1) / mean[gene]
    bounds = np.quantile(mean, np.linspace(0.1, 0.95, 18))
    for gene in range(40):
        number = (bounds <= mean[gene]).sum()
        mates = [other for other in range(40) if (bounds <= mean[other]).sum() == number]
        median = np.median(dispersion[mates])
        spread = np.median(np.abs(dispersion[mates] - median)) or 1e-8
        assert legacy_cv2_score(values)[gene] == pytest.approx(abs(dispersion[gene] - median) / spread)


def test_fano_prefers_steady_genes_and_puts_silent_ones_last() -> None:
    rng = np.random.default_rng(0)
    steady, wild = rng.normal(5, 0.1, (50, 1)), rng.exponential(5, (50, 1))
    values = np.hstack([wild, np.zeros((50, 1)), steady])
    score = legacy_fano_score(values)
    assert np.argsort(-score).tolist() == [2, 0, 1]
    assert score[0] == pytest.approx(-wild.var(ddof=1) / wild.mean())


def test_loading_is_the_largest_of_three(log_expr: sparse.csr_matrix) -> None:
    oracle = np.abs(PCA(3, svd_solver="full").fit(log_expr.toarray()).components_).max(axis=0)
    assert legacy_pca_loading_score(log_expr.toarray()) == pytest.approx(oracle, abs=1e-4)
