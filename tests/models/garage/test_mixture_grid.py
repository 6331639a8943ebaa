import numpy as np
import pytest
from scipy import stats

from scgarage.models.garage.mixture import GRID, LIMIT, SHAPE, climb, log_pmf, relative_cdf, zero_probability

RNG = np.random.default_rng(0)


def mixture(n_entries=40, largest=30.0, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(len(GRID), 0.3), size=n_entries)
    return weights, rng.uniform(0.1, largest, n_entries)[:, None] * GRID


def negative_binomial(means):
    return stats.nbinom(SHAPE, SHAPE / (SHAPE + means))


@pytest.mark.parametrize("mean", [1e-3, 0.7, 12.0, 5000.0])
def test_log_pmf_is_scipys(mean):
    counts = np.array([0.0, 1.0, 2.0, 17.0, 400.0, 6000.0])
    found = log_pmf(counts, np.full((len(counts), 1), mean))[:, 0]
    np.testing.assert_allclose(found, negative_binomial(mean).logpmf(counts), rtol=1e-9, atol=1e-8)


def test_a_rate_of_zero_gives_no_count_for_sure():
    assert log_pmf(np.array([0.0, 3.0]), np.zeros((2, 1)))[:, 0].tolist() == [0.0, -np.inf]
    assert zero_probability(np.zeros(1))[0] == 1.0


def test_zero_probability_is_that_of_the_pmf():
    means = np.geomspace(1e-4, 300, 30)
    np.testing.assert_allclose(zero_probability(means), negative_binomial(means).pmf(0), rtol=1e-9)


def test_climbing_to_a_count_gives_the_summed_pmf():
    weights, means = mixture()
    upto = np.random.default_rng(1).integers(0, LIMIT + 1, len(weights)).astype(float)
    count, cdf, below = climb(weights, means, upto=upto)
    np.testing.assert_array_equal(count, upto)
    expected = (weights * negative_binomial(means).cdf(upto[:, None])).sum(axis=1)
    np.testing.assert_allclose(cdf, expected, rtol=1e-9)
    lower = (weights * negative_binomial(means).cdf(upto[:, None] - 1)).sum(axis=1)
    np.testing.assert_allclose(below, lower, rtol=1e-9, atol=1e-12)


def test_climbing_to_a_level_is_the_inverse():
    weights, means = mixture(largest=3.0)
    counts = np.random.default_rng(2).integers(0, 8, len(weights)).astype(float)
    _, cdf, below = climb(weights, means, upto=counts)
    middle = (cdf + below) / 2
    np.testing.assert_array_equal(climb(weights, means, target=middle)[0], counts)


def test_climbing_ends_at_the_limit():
    weights, means = mixture(n_entries=5, largest=1e5)
    count, cdf, below = climb(weights, means + 1e4, target=np.full(5, 0.99))
    assert (count == LIMIT).all()
    assert (cdf < 0.99).all()
    assert (below <= cdf).all()


def test_each_entry_climbs_on_its_own():
    weights, means = mixture()
    target = np.random.default_rng(3).random(len(weights))
    together = climb(weights, means, target=target)
    order = np.random.default_rng(4).permutation(len(weights))
    for one, other in zip(together, climb(weights[order], means[order], target=target[order]), strict=True):
        np.testing.assert_allclose(one[order], other)


def test_relative_rates_follow_gamma_distributions():
    points, table = relative_cdf()
    assert table.shape == (len(GRID), len(points))
    np.testing.assert_allclose(table[0], 1.0)
    expected = stats.gamma(SHAPE, scale=GRID[1:, None] / SHAPE).cdf(points)
    np.testing.assert_allclose(table[1:], expected, atol=1e-10)
    assert (np.diff(table, axis=1) >= 0).all()


def test_neighbouring_components_overlap():
    """Without overlap deep counts would pile up on the grid: the density between two rates stays a hill."""
    spread = GRID[1:17] / np.sqrt(SHAPE)
    assert (np.diff(GRID[1:17]) < 2.6 * spread[1:]).all()
