import numpy as np
import pytest
from scipy.stats import spearmanr

from scgarage.errors import InputError
from scgarage.metrics import gene_correlation_error


@pytest.fixture
def cells() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    rate = rng.gamma(2.0, 1.0, size=(60, 1)) * np.arange(1.0, 9.0)
    return rng.poisson(rate).astype(float), rng.poisson(rate.mean(axis=0), size=(50, 8)).astype(float)


def test_matches_scipy_with_ties(cells: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = (spearmanr(side).statistic for side in cells)
    expected = np.abs(first - second)[np.triu_indices(8, 1)].mean()
    assert expected > 0.1
    assert gene_correlation_error(*cells) == pytest.approx(expected)


def test_only_the_most_variable_real_genes_count(cells: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells
    top = np.argsort(-real.var(axis=0))[:3]
    expected = gene_correlation_error(real[:, top], synthetic[:, top])
    assert gene_correlation_error(real, synthetic, n_genes=3) == pytest.approx(expected)


def test_monotone_transforms_and_order_do_not_matter(cells: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells
    value = gene_correlation_error(real, synthetic)
    assert gene_correlation_error(np.log1p(real), np.log1p(synthetic)) == pytest.approx(value)
    assert gene_correlation_error(real[::-1, ::-1], synthetic[:, ::-1]) == pytest.approx(value)
    assert gene_correlation_error(real, real) == 0


def test_a_constant_gene_has_no_correlation(cells: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells
    flat = np.full_like(synthetic, 2.0)
    expected = np.abs(spearmanr(real).statistic[np.triu_indices(8, 1)]).mean()
    assert gene_correlation_error(real, flat) == pytest.approx(expected)


def test_one_gene_or_cell_is_refused() -> None:
    with pytest.raises(InputError, match="real has 1 gene"):
        gene_correlation_error(np.zeros((3, 1)), np.zeros((3, 1)))
    with pytest.raises(InputError, match="synthetic has 1 cells"):
        gene_correlation_error(np.zeros((3, 2)), np.zeros((1, 2)))
