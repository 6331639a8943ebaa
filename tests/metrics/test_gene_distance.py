import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from scgarage.errors import InputError
from scgarage.metrics import gene_wasserstein
from scgarage.metrics import genes as gene_distance


@pytest.mark.parametrize("sizes", [(40, 40), (40, 73), (7, 30), (1, 5)])
def test_matches_scipy_gene_by_gene(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    real, synthetic = (rng.poisson(rng.gamma(1.0, 2.0, 12), (n, 12)) * 0.7 for n in sizes)
    expected = np.mean([wasserstein_distance(x, y) for x, y in zip(real.T, synthetic.T, strict=True)])
    assert gene_wasserstein(real, synthetic) == pytest.approx(expected)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real, synthetic = np.random.default_rng(1).gamma(1.0, size=(2, 30, 11))
    value = gene_wasserstein(real, synthetic)
    monkeypatch.setattr(gene_distance, "_BLOCK", 4)
    assert gene_wasserstein(real, synthetic) == pytest.approx(value)


def test_order_does_not_matter_and_scale_does() -> None:
    rng = np.random.default_rng(2)
    real, synthetic = rng.gamma(1.0, size=(20, 6)), rng.gamma(2.0, size=(35, 6))
    value = gene_wasserstein(real, synthetic)
    genes = rng.permutation(6)
    assert gene_wasserstein(real[::-1][:, genes], synthetic[:, genes]) == pytest.approx(value)
    assert gene_wasserstein(synthetic, real) == pytest.approx(value)
    assert gene_wasserstein(3 * real, 3 * synthetic) == pytest.approx(3 * value)
    assert gene_wasserstein(real, real + 0.5) == pytest.approx(0.5)
    assert gene_wasserstein(real, real) == 0


def test_other_genes_are_refused() -> None:
    with pytest.raises(InputError, match="synthetic has 3 columns and real 2"):
        gene_wasserstein(np.zeros((3, 2)), np.zeros((3, 3)))
