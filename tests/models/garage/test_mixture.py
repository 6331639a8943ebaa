import numpy as np
import pytest
from scipy import sparse, stats

from scgarage.models.garage import mixture as mixture_em
from scgarage.models.garage.mixture import (
    GRID,
    LIMIT,
    SHAPE,
    climb,
    fit_weights,
    log_pmf,
    relative_cdf,
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
        density = np.exp(log_pmf(dense[:, gene], means))
        total += np.log((density * weights[strata, gene]).sum(axis=1)).sum()
    return total


def test_weights_are_distributions():
    weights = fit_weights(*simulated(), prior=5.0)
    assert weights.shape == (2, 2, len(GRID))
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=2), 1, atol=1e-4)


def test_likelihood_never_falls_between_iterations(monkeypatch):
    data = simulated()
    data = (data[0], np.full(len(data[1]), 1100.0), np.zeros(len(data[1]), dtype=np.int64), data[3][:1])
    found = []
    for n_iterations in (0, 1, 2, 4, 8, 16, 32):
        monkeypatch.setattr(mixture_em, "N_ITERATIONS", n_iterations)
        found.append(log_likelihood(fit_weights(*data, prior=0.0), *data))
    assert (np.diff(found) > -0.05).all()  # float32 sums
    assert found[-1] > found[0] + 50


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
