import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.metrics import gene_mean_error, gene_variance_error, zero_fraction_error

FUNCTIONS = [zero_fraction_error, gene_mean_error, gene_variance_error]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_matches_gene_by_gene(function) -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.poisson(0.5, size=(30, 8)), rng.poisson(1.5, size=(20, 8))
    statistic = {
        zero_fraction_error: lambda gene: np.count_nonzero(gene == 0) / gene.size,
        gene_mean_error: lambda gene: gene.sum() / gene.size,
        gene_variance_error: lambda gene: ((gene - gene.sum() / gene.size) ** 2).sum() / gene.size,
    }[function]
    gaps = [abs(statistic(real[:, j]) - statistic(synthetic[:, j])) for j in range(8)]
    assert function(real, synthetic) == pytest.approx(np.mean(gaps))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_order_of_cells_and_genes_does_not_matter(function) -> None:
    rng = np.random.default_rng(1)
    real, synthetic = rng.poisson(0.5, size=(30, 8)), rng.poisson(1.5, size=(20, 8))
    value, genes = function(real, synthetic), rng.permutation(8)
    assert function(rng.permutation(real)[:, genes], synthetic[:, genes]) == pytest.approx(value)
    assert function(real, rng.permutation(real)) == pytest.approx(0, abs=1e-12)


def test_continuous_values_have_no_zeros() -> None:
    real = np.array([[0.0], [0.0], [0.0], [1.0]])
    assert zero_fraction_error(real, real + 1e-6) == 0.75


@pytest.mark.parametrize("function", FUNCTIONS)
def test_bad_input_is_refused(function) -> None:
    with pytest.raises(InputError, match="columns"):
        function(np.zeros((3, 2)), np.zeros((3, 4)))
    with pytest.raises(InputError, match="cells"):
        function(np.zeros((0, 2)), np.zeros((3, 2)))
    with pytest.raises(InputError, match="NaN"):
        function(np.full((3, 2), np.nan), np.zeros((3, 2)))
