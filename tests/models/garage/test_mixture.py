import numpy as np
import pytest
from scipy import sparse, stats

from scgarage.models.garage.mixture import (
    GRID,
    LIMIT,
    POINTS,
    SHAPE,
    TABLE,
    counts_at_levels,
    fit_weights,
    levels_of_counts,
    zero_probability,
)


def simulated(n_cells=600, seed=0):
    """Two genes with rates of two sizes each, by library size, in two strata."""
    rng = np.random.default_rng(seed)
    totals = np.exp(rng.normal(7, 0.3, n_cells))
    strata = np.sort(rng.integers(0, 2, n_cells))
    rate = np.stack([np.where(rng.random(n_cells) < 0.2, 4.0, 0.25), np.ones(n_cells)], axis=1)
    share = np.array([[3e-3, 2e-3], [6e-3, 1e-3]])
    counts = rng.poisson(rate * share[strata] * totals[:, None])
    return sparse.csc_matrix(counts.astype(np.float32)), totals, strata, share


def log_likelihood(weights, counts, totals, strata, share):
    dense = counts.toarray()
    total = 0.0
    for gene in range(dense.shape[1]):
        means = (totals * share[strata, gene])[:, None] * GRID
        density = stats.nbinom(SHAPE, SHAPE / (SHAPE + means)).pmf(dense[:, [gene]])
        total += np.log((density * weights[strata, gene]).sum(axis=1)).sum()
    return total


def test_weights_are_distributions():
    weights = fit_weights(*simulated(), prior=5.0)
    assert weights.shape == (2, 2, len(GRID))
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=2), 1, atol=1e-4)


def test_it_beats_the_likelihood_of_the_true_rates():
    """Maximum likelihood on the training cells lies above the truth rounded to the grid."""
    data = simulated()
    truth = np.zeros((2, 2, len(GRID)))
    near = [int(np.abs(GRID - rate).argmin()) for rate in (0.25, 4.0, 1.0)]
    truth[:, 0, near[0]], truth[:, 0, near[1]], truth[:, 1, near[2]] = 0.8, 0.2, 1.0
    weights = fit_weights(*data, prior=0.0)
    assert log_likelihood(weights, *data) > log_likelihood(truth, *data) - 5.0


def test_two_rates_are_told_apart():
    weights = fit_weights(*simulated(4000), prior=0.0)
    high = GRID > 1.5
    np.testing.assert_allclose(weights[:, 0, high].sum(axis=1), 0.2, atol=0.05)
    assert weights[:, 1, high].sum(axis=1).max() < 0.05


def test_order_of_cells_and_of_genes_is_irrelevant():
    counts, totals, strata, share = simulated()
    first = fit_weights(counts, totals, strata, share, prior=5.0)
    order = np.random.default_rng(1).permutation(len(totals))
    shuffled = fit_weights(counts[order], totals[order], strata[order], share, prior=5.0)
    np.testing.assert_allclose(first, shuffled, atol=1e-4)
    swapped = fit_weights(counts[:, [1, 0]], totals, strata, share[:, [1, 0]], prior=5.0)
    np.testing.assert_allclose(first[:, [1, 0]], swapped, atol=1e-4)


@pytest.mark.parametrize("prior", [0.0, 5.0])
def test_strata_without_cells_get_the_pooled_weights(prior):
    counts, totals, strata, share = simulated()
    three = np.vstack([share, share[:1]])
    weights = fit_weights(counts, totals, strata, three, prior=prior)
    pooled = fit_weights(counts, totals, strata, three, prior=1e9)[0]
    np.testing.assert_allclose(weights[2], pooled, atol=1e-3)


def test_a_small_stratum_is_drawn_to_the_pooled_weights_by_the_prior():
    counts, totals, strata, share = simulated()
    strata = np.where(np.arange(len(totals)) < 3, 0, 1)
    pooled = fit_weights(counts, totals, strata, share, prior=1e9)
    away = [
        np.abs(fit_weights(counts, totals, strata, share, prior=prior) - pooled)[0].sum() for prior in (0.1, 5, 500)
    ]
    assert away[0] > away[1] > away[2]


def test_genes_never_seen_get_no_high_rates():
    totals = np.full(200, 1000.0)
    weights = fit_weights(
        sparse.csc_matrix((200, 1), dtype=np.float32),
        totals,
        np.zeros(200, dtype=np.int64),
        np.array([[1e-2]]),
        prior=5.0,
    )
    assert np.isfinite(weights).all()
    assert weights[0, 0] @ GRID < 0.05


def negative_binomial(means):
    return stats.nbinom(SHAPE, SHAPE / (SHAPE + means))


def mixture(n_entries=40, largest=30.0, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(len(GRID), 0.3), size=n_entries).astype(np.float32)
    return weights, rng.uniform(0.1, largest, n_entries)


def levels(counts, weights, expected):
    low, high = np.empty(len(counts)), np.empty(len(counts))
    levels_of_counts(counts, expected, weights, np.arange(len(counts)), low, high)
    return low, high


def at_levels(wanted, weights, expected):
    counts = np.empty(len(wanted))
    counts_at_levels(wanted, expected, weights, np.arange(len(wanted)), counts)
    return counts


def cdf(counts, weights, expected):
    return (weights * negative_binomial(expected[:, None] * GRID).cdf(np.asarray(counts)[:, None])).sum(axis=1)


def test_zero_probability_is_that_of_the_pmf():
    for weights, expected in zip(*mixture(), strict=True):
        known = weights @ negative_binomial(expected * GRID).pmf(0)
        assert zero_probability(weights, expected) == pytest.approx(known, rel=1e-9)
    assert zero_probability(np.eye(len(GRID), dtype=np.float32)[0], 5.0) == 1.0


def test_levels_are_summed_pmfs():
    weights, expected = mixture()
    counts = np.random.default_rng(1).integers(0, LIMIT + 1, len(weights)).astype(float)
    low, high = levels(counts, weights, expected)
    np.testing.assert_allclose(high, cdf(counts, weights, expected), rtol=1e-9)
    np.testing.assert_allclose(low, cdf(counts - 1, weights, expected), rtol=1e-9, atol=1e-12)


def test_counts_at_levels_are_the_inverse():
    weights, expected = mixture(largest=3.0)
    counts = np.random.default_rng(2).integers(0, 8, len(weights)).astype(float)
    low, high = levels(counts, weights, expected)
    np.testing.assert_array_equal(at_levels((low + high) / 2, weights, expected), counts)


def test_deep_counts_at_levels_are_near_the_true_quantiles():
    weights, expected = mixture(n_entries=20, largest=1e4)
    wanted = np.linspace(0.3, 0.95, 20)
    counts = at_levels(wanted, weights, expected)
    deep = counts > LIMIT
    assert deep.sum() > 10
    np.testing.assert_allclose(cdf(counts, weights, expected)[deep], wanted[deep], atol=0.03)


def test_each_entry_stands_alone():
    weights, expected = mixture()
    wanted = np.random.default_rng(3).random(len(weights))
    order = np.random.default_rng(4).permutation(len(weights))
    together = at_levels(wanted, weights, expected)
    np.testing.assert_array_equal(together[order], at_levels(wanted[order], weights[order], expected[order]))


def test_relative_rates_follow_gamma_distributions():
    assert TABLE.shape == (len(POINTS), len(GRID))
    np.testing.assert_allclose(TABLE[:, 0], 1.0)
    expected = stats.gamma(SHAPE, scale=GRID[1:] / SHAPE).cdf(POINTS[:, None])
    np.testing.assert_allclose(TABLE[:, 1:], expected, atol=1e-10)
    assert (np.diff(TABLE, axis=0) >= 0).all()


def test_neighbouring_components_overlap():
    """Without overlap deep counts would pile up on the grid: the density between two rates stays a hill."""
    spread = GRID[1:17] / np.sqrt(SHAPE)
    assert (np.diff(GRID[1:17]) < 2.6 * spread[1:]).all()
