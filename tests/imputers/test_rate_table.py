import numpy as np
import pytest
from scipy import stats

from scgarage.imputation.posterior_mean import SCORES, RateTable
from scgarage.models.garage.marginals import PoissonMixture
from scgarage.models.garage.mixture import GRID, SHAPE

TOTALS = np.geomspace(500, 2000, 50)
STRATA = np.zeros(50, dtype=np.int64)


@pytest.fixture(scope="module")
def marginal():
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.full(len(GRID), 0.2), size=(2, 6)).astype(np.float32)
    share = np.tile(np.geomspace(1e-4, 1e-2, 6), (2, 1)).astype(np.float32)
    slope = np.tile(np.linspace(-0.3, 0.3, 6), (2, 1)).astype(np.float32)
    knots, highest = np.linspace(5, 9, 17), np.full(6, 1e6, dtype=np.float32)
    return PoissonMixture(share, slope, np.full(2, 7.0), np.full(2, 0.4), weights, knots, highest)


def test_moments_are_sums_over_counts(marginal):
    spread = np.full(6, 0.8, dtype=np.float32)
    table = RateTable.fit(marginal, spread, TOTALS, STRATA)
    gene, depth, score = 1, 1, 9
    change = np.exp(marginal.slope[0, gene] * (table.depths[depth] - 7.0) / 0.4)
    expected = np.exp(table.depths[depth]) * marginal.share[0, gene] * change * GRID
    weights = marginal.weights[0, gene]
    counts = np.arange(400)
    joint = stats.nbinom.pmf(counts[:, None], SHAPE, SHAPE / (SHAPE + expected)) * weights
    edges = stats.norm.ppf(np.clip(joint.sum(axis=1).cumsum(), 0, 1))
    chance = np.diff(stats.norm.cdf((edges - SCORES[score]) / 0.8), prepend=0.0)
    mean = chance @ (joint @ GRID / np.maximum(joint.sum(axis=1), 1e-300))
    assert table.first[0, depth, gene, score] == pytest.approx(mean, rel=0.05)  # counts are gone through in steps


def test_a_score_that_knows_nothing_gives_the_mixture(marginal):
    table = RateTable.fit(marginal, np.ones(6, dtype=np.float32), TOTALS, STRATA)
    middle = len(SCORES) // 2
    np.testing.assert_allclose(table.first[0, 1, :, middle], marginal.weights[0] @ GRID, rtol=1e-3)
    np.testing.assert_allclose(table.second[0, 1, :, middle], marginal.weights[0] @ GRID**2, rtol=5e-3)
    # So does any score in a stratum without cells.
    np.testing.assert_allclose(table.first[1, 0, :, 2], marginal.weights[1] @ GRID, rtol=1e-3)


def test_rates_rise_with_scores_and_are_interpolated(marginal):
    table = RateTable.fit(marginal, np.full(6, 0.7, dtype=np.float32), TOTALS, STRATA)
    assert (np.diff(table.first[0], axis=-1) > -1e-5).all()
    scores = np.tile(SCORES[[4, 5, 5]][:, None], (1, 6)).astype(np.float32)
    scores[1] = SCORES[4:6].mean()
    depth = np.exp(np.full(3, table.depths[1]))
    mean, variance = table(scores, depth, STRATA[:3])
    np.testing.assert_allclose(mean[0], table.first[0, 1, :, 4], rtol=1e-4)
    np.testing.assert_allclose(mean[1], (mean[0] + mean[2]) / 2, rtol=1e-3)
    np.testing.assert_allclose(
        variance[2], table.second[0, 1, :, 5] - table.first[0, 1, :, 5] ** 2, rtol=1e-2, atol=1e-4
    )


def test_scores_and_depths_out_of_range_are_held(marginal):
    table = RateTable.fit(marginal, np.full(6, 0.7, dtype=np.float32), TOTALS, STRATA)
    far, edge = (table(np.full((1, 6), x, dtype=np.float32), np.array([1e9]), STRATA[:1])[0] for x in (50.0, 3.5))
    np.testing.assert_allclose(far, edge, rtol=1e-3)
