import numpy as np
import pytest
from scipy import sparse

from scgarage.models.gene_space import HurdleBackground, PoissonBackground


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [300, 100])
    counts = rng.poisson(np.array([[3.0, 0.5, 0.0], [1.0, 4.0, 0.0]])[labels])
    return sparse.csr_matrix(counts.astype(np.float32)), labels


def test_poisson_gives_the_mean_of_the_type_at_the_depth_asked_for(cells):
    counts, labels = cells
    totals = np.full(400, 10.0)
    background = PoissonBackground.fit(counts, totals, labels, 2)
    np.testing.assert_allclose(background.fractions[1] * 10, counts[300:].mean(axis=0).A1, rtol=1e-5)
    np.testing.assert_allclose(background.fractions[-1] * 10, counts.mean(axis=0).A1, rtol=1e-5)
    drawn = background.draw(np.full(20_000, 1), np.full(20_000, 20.0), np.random.default_rng(1))
    np.testing.assert_allclose(drawn.mean(axis=0).A1, 2 * counts[300:].mean(axis=0).A1, rtol=0.03)
    np.testing.assert_allclose(np.var(drawn.toarray(), axis=0)[:2], drawn.mean(axis=0).A1[:2], rtol=0.05)


def test_genes_without_expression_stay_zero(cells):
    counts, labels = cells
    poisson = PoissonBackground.fit(counts, np.full(400, 10.0), labels, 2)
    hurdle = HurdleBackground.fit(counts.log1p(), None, labels, 2)
    numbers = np.array([0, 1, -1] * 50)
    for background in (poisson, hurdle):
        assert background.draw(numbers, np.full(150, 10.0), np.random.default_rng(0))[:, 2].nnz == 0


def test_hurdle_keeps_zero_fraction_and_moments(cells):
    counts, labels = cells
    values = counts.log1p()
    background = HurdleBackground.fit(values, None, labels, 2)
    drawn = background.draw(np.zeros(20_000, dtype=int), None, np.random.default_rng(1)).toarray()
    real = values[:300].toarray()
    np.testing.assert_allclose((drawn > 0).mean(axis=0), (real > 0).mean(axis=0), atol=0.02)
    np.testing.assert_allclose(drawn[:, 0][drawn[:, 0] > 0].mean(), real[:, 0][real[:, 0] > 0].mean(), rtol=0.02)
    assert drawn[drawn > 0].min() >= values.data.min() - 1e-6


def test_poisson_without_library_sizes_is_a_mistake(cells):
    counts, labels = cells
    with pytest.raises(TypeError, match="library sizes"):
        PoissonBackground.fit(counts, np.full(400, 10.0), labels, 2).draw(labels, None, np.random.default_rng(0))
