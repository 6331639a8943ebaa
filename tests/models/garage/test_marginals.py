import numpy as np
import pytest
from scipy import sparse, stats

from scgarage.models.garage.marginals import LEVELS, Hurdle, PoissonMixture
from scgarage.models.garage.mixture import GRID, LIMIT, SHAPE
from scgarage.models.garage.strata import Depth, Strata


def log_normal(n_cells=400, seed=0):
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(0, 0.5, (n_cells, 3))) * (rng.random((n_cells, 3)) < [0.9, 0.5, 0.05])
    return values.astype(np.float32)


def fitted_hurdle(values, strata=None, *, n_strata=1, mean_prior=0.0, weight_prior=0.01):
    strata = np.zeros(len(values), dtype=np.int64) if strata is None else strata
    return Hurdle.fit(
        sparse.csc_matrix(values),
        np.ones(len(values)),
        strata,
        prior_share=np.ones((n_strata, values.shape[1])),
        mean_prior=mean_prior,
        weight_prior=weight_prior,
    )


def ones(n):
    return np.ones(n), np.zeros(n, dtype=np.int64)


def test_zero_level_is_the_fraction_of_zeros():
    values = log_normal()
    level = fitted_hurdle(values).zero_level(*ones(2), slice(None))
    np.testing.assert_allclose(level, np.tile((values == 0).mean(axis=0), (2, 1)), atol=1e-6)
    np.testing.assert_allclose(fitted_hurdle(values).zero_level(*ones(2), np.array([2, 0])), level[:, [2, 0]])


def test_zero_scores_do_not_depend_on_the_library_size():
    values = log_normal()
    model = fitted_hurdle(values)
    scores = model.zero_scores(np.array([2, 0])).at(np.array([1.0, 7.0]), np.zeros(2, dtype=np.int64))
    np.testing.assert_allclose(stats.norm.cdf(scores), np.tile((values == 0).mean(axis=0)[[2, 0]], (2, 1)), atol=1e-5)


def test_tables_are_numpys_quantiles():
    values = log_normal()
    found = fitted_hurdle(values, weight_prior=0.0).values[0]
    for gene in range(3):
        seen = values[:, gene][values[:, gene] > 0]
        np.testing.assert_allclose(found[gene], np.quantile(seen, LEVELS), rtol=1e-5)


def test_sampled_values_have_mean_zeros_and_spread_of_the_data():
    values = log_normal(3000)
    model = fitted_hurdle(values)
    levels = np.random.default_rng(1).random(30_000)
    zero = float(model.zero[0, 1])
    drawn = np.where(levels > zero, model.quantiles(levels, *ones(30_000), np.full(30_000, 1)), 0.0)
    assert (drawn == 0).mean() == pytest.approx((values[:, 1] == 0).mean(), abs=0.01)
    assert drawn.mean() == pytest.approx(values[:, 1].mean(), rel=0.03)
    assert drawn.std() == pytest.approx(values[:, 1].std(), rel=0.05)


def test_hurdle_quantiles_invert_intervals():
    values = log_normal()[:, 0]
    seen = values[values > 0].astype(float)
    model = fitted_hurdle(log_normal())
    genes = np.zeros(len(seen), dtype=np.int64)
    low, high = model.intervals(seen, *ones(len(seen)), genes)
    inner = (seen > seen.min()) & (seen < seen.max())
    np.testing.assert_array_equal(low[inner], high[inner])
    np.testing.assert_allclose(model.quantiles(low, *ones(len(seen)), genes)[inner], seen[inner], rtol=1e-4)


def test_extremes_get_an_interval_and_no_infinite_score():
    """A level of exactly 1 would be a score of 6 standard deviations for the largest of any number of cells."""
    values = log_normal()
    model = fitted_hurdle(values)
    ends = np.array([values[:, 0].max() + 1.0, values[values[:, 0] > 0, 0].min() - 1e-3])
    low, high = model.intervals(ends, *ones(2), np.zeros(2, dtype=np.int64))
    assert low[0] < 0.98
    assert high[0] == pytest.approx(1, abs=1e-6)
    assert low[1] == pytest.approx(float(model.zero[0, 0]))
    assert high[1] > low[1] + 0.01


def test_small_stratum_borrows():
    values = log_normal()
    values[:2] = [[50.0, 50.0, 0.0], [60.0, 60.0, 0.0]]
    strata = np.repeat([0, 1], [2, 398])
    own = fitted_hurdle(values, strata, n_strata=2, weight_prior=0.0).values[0, 0, 8]
    borrowed = fitted_hurdle(values, strata, n_strata=2, weight_prior=5.0).values[0, 0, 8]
    pooled = fitted_hurdle(values).values[0, 0, 8]
    assert own == pytest.approx(55)
    assert borrowed == pytest.approx(2 / 7 * own + 5 / 7 * pooled, rel=1e-4)


@pytest.mark.parametrize("prior", [0.0, 3.0])
def test_strata_and_genes_without_values_are_finite(prior):
    values = log_normal()
    values[:, 2] = 0
    model = fitted_hurdle(values, n_strata=2, mean_prior=prior, weight_prior=prior)
    assert np.isfinite(model.zero).all()
    assert np.isfinite(model.values).all()
    assert (model.zero[:, 2] == 1).all()
    np.testing.assert_allclose(model.zero[1], model.zero[0], atol=1e-6)
    np.testing.assert_allclose(model.values[1, :2], model.values[0, :2], rtol=1e-5)


def test_hurdle_order_of_cells_is_irrelevant():
    values = log_normal()
    order = np.random.default_rng(0).permutation(len(values))
    np.testing.assert_allclose(fitted_hurdle(values).values, fitted_hurdle(values[order]).values)


N_CELLS = 3000


def gamma_counts(mean, size=2.0, n_cells=N_CELLS, seed=0):
    """One gene, negative binomial around ``mean`` with shape ``size`` at the average depth."""
    rng = np.random.default_rng(seed)
    totals = np.exp(rng.normal(7, 0.3, n_cells))
    counts = rng.poisson(rng.gamma(size, mean / size, n_cells) * totals / totals.mean())
    return counts.astype(float), totals


def fitted_poisson_mixture(counts, totals, strata=None, *, n_strata=1, mean_prior=0.0, weight_prior=5.0):
    counts = np.asarray(counts, dtype=np.float32).reshape(len(totals), -1)
    strata = np.zeros(len(totals), dtype=np.int64) if strata is None else strata
    known = Strata.of(strata, np.zeros_like(strata), n_strata, 1)
    return PoissonMixture.fit(
        sparse.csc_matrix(counts),
        totals,
        strata,
        depth=Depth.fit(totals, strata, known),
        prior_share=np.tile(counts.sum(axis=0) / totals.sum(), (n_strata, 1)),
        mean_prior=mean_prior,
        weight_prior=weight_prior,
    )


def sampled(model, totals, *, n_times=10, gene=0, seed=1):
    levels = np.random.default_rng(seed).random((n_times, len(totals)))
    zeros = np.zeros(len(totals), dtype=np.int64)
    return np.concatenate([model.quantiles(level, totals, zeros, zeros + gene) for level in levels])


def exact_cdf(model, count, totals):
    x = (np.log(totals) - model.centre[0]) / model.spread[0]
    means = (totals * model.share[0, 0] * np.exp(model.slope[0, 0] * np.clip(x, -3, 3)))[:, None] * GRID
    return stats.nbinom(SHAPE, SHAPE / (SHAPE + means)).cdf(count) @ model.weights[0, 0]


def test_two_rates_come_back():
    """A tenth of the cells has nearly all counts, the others hardly any."""
    rng = np.random.default_rng(0)
    totals = np.exp(rng.normal(7, 0.2, N_CELLS))
    counts = rng.poisson(np.where(rng.random(N_CELLS) < 0.1, 20.0, 0.05) * totals / totals.mean())
    drawn = sampled(fitted_poisson_mixture(counts, totals), totals)
    assert drawn.mean() == pytest.approx(counts.mean(), rel=0.03)
    assert (drawn == 0).mean() == pytest.approx((counts == 0).mean(), abs=0.01)
    assert (drawn > 8).mean() == pytest.approx((counts > 8).mean(), abs=0.01)


def test_a_negative_binomial_gene_comes_back():
    counts, totals = gamma_counts(3.0, n_cells=8000)
    drawn = sampled(fitted_poisson_mixture(counts, totals), totals)
    assert (drawn == 0).mean() == pytest.approx((counts == 0).mean(), abs=0.02)
    assert drawn.mean() == pytest.approx(counts.mean(), rel=0.02)
    assert drawn.var() == pytest.approx(counts.var(), rel=0.1)
    assert np.quantile(drawn, 0.99) == pytest.approx(np.quantile(counts, 0.99), abs=1)


def test_deep_counts_keep_mean_variance_and_shape():
    counts, totals = gamma_counts(5000.0, size=4.0)
    drawn = sampled(fitted_poisson_mixture(counts, totals), totals)
    assert drawn.mean() == pytest.approx(counts.mean(), rel=0.03)
    assert drawn.var() == pytest.approx(counts.var(), rel=0.1)
    assert stats.ks_2samp(drawn, counts).statistic < 0.03


def test_means_of_every_stratum_are_those_of_the_training_cells():
    rng = np.random.default_rng(0)
    totals = np.exp(rng.normal(7, 0.3, 400))
    strata = np.repeat([0, 1, 2], [300, 90, 10])
    rates = rng.gamma(1.0, 1.0, (3, 6))[strata] * rng.gamma(2, 0.5, (400, 6))
    counts = rng.poisson(rates * totals[:, None] / 1000)
    model = fitted_poisson_mixture(counts, totals, strata, n_strata=3)
    x = model.depth.standardise(totals, strata)
    expected = totals[:, None] * (model.share * (model.weights @ GRID))[strata] * np.exp(model.slope[strata] * x)
    for stratum in range(3):
        mine = strata == stratum
        np.testing.assert_allclose(expected[mine].mean(axis=0), counts[mine].mean(axis=0), rtol=1e-3, atol=1e-4)


def test_zero_scores_agree_with_the_sum_at_any_library_size():
    counts, totals = gamma_counts(1.5)
    model = fitted_poisson_mixture(counts, totals)
    asked = np.geomspace(totals.min(), totals.max(), 101)
    score = model.zero_scores(np.array([0])).at(asked, np.zeros(101, dtype=np.int64))[:, 0]
    np.testing.assert_allclose(stats.norm.cdf(score), exact_cdf(model, 0, asked), atol=2e-3)
    assert (np.diff(score) < 1e-6).all()


def test_intervals_of_consecutive_counts_join_and_agree_with_the_sum():
    counts, totals = gamma_counts(3.0)
    model = fitted_poisson_mixture(counts, totals)
    asked = np.arange(0.0, 40.0)
    zeros = np.zeros(40, dtype=np.int64)
    low, high = model.intervals(asked, np.full(40, 900.0), zeros, zeros)
    np.testing.assert_allclose(high[:-1], low[1:], atol=1e-12)
    np.testing.assert_allclose(high, [exact_cdf(model, count, np.array([900.0]))[0] for count in asked], atol=1e-6)
    assert low[0] == 0


def test_deep_intervals_continue_the_shallow_ones():
    counts, totals = gamma_counts(70.0)
    model = fitted_poisson_mixture(counts, totals)
    asked = np.arange(50.0, 90.0)
    zeros = np.zeros(40, dtype=np.int64)
    low, high = model.intervals(asked, np.full(40, 1000.0), zeros, zeros)
    assert (low < high).all()
    np.testing.assert_allclose(high[asked > LIMIT][:-1], low[asked > LIMIT][1:], atol=1e-9)
    at = int(np.flatnonzero(asked == LIMIT)[0])
    assert high[at] == pytest.approx(low[at + 1], abs=0.02)


@pytest.mark.parametrize("mean", [0.5, 8.0, 60.0, 3000.0])
def test_poisson_mixture_quantiles_invert_intervals(mean):
    counts, totals = gamma_counts(mean)
    model = fitted_poisson_mixture(counts, totals)
    seen = counts > 0
    zeros = np.zeros(int(seen.sum()), dtype=np.int64)
    low, high = model.intervals(counts[seen], totals[seen], zeros, zeros)
    back = model.quantiles((low + high) / 2, totals[seen], zeros, zeros)
    # Where sums and the continuous distribution meet, and between the points of the latter, a little is lost.
    tolerance = np.where(counts[seen] < LIMIT, 0.0, np.maximum(0.02 * counts[seen], 8.0))
    tolerance = np.where(high < 1e-6, 10.0, tolerance)
    wrong = np.abs(back - counts[seen]) > tolerance
    assert not wrong.any(), (counts[seen][wrong], back[wrong], low[wrong], high[wrong])


def test_no_more_than_twice_the_highest_count_is_drawn():
    counts, totals = gamma_counts(3.0)
    model = fitted_poisson_mixture(counts, totals)
    zeros = np.zeros(3, dtype=np.int64)
    drawn = model.quantiles(np.full(3, 1 - 1e-12), np.full(3, 1e6), zeros, zeros)
    assert (drawn == 2 * counts.max()).all()


@pytest.mark.parametrize("mean_prior", [0.0, 3.0])
def test_empty_and_tiny_strata_give_finite_numbers(mean_prior):
    counts, totals = gamma_counts(3.0, n_cells=100)
    counts = np.stack([counts, np.zeros(100)], axis=1)
    strata = np.repeat([0, 1], [98, 2])
    model = fitted_poisson_mixture(counts, totals, strata, n_strata=3, mean_prior=mean_prior)
    assert np.isfinite(model.share).all()
    assert np.isfinite(model.weights).all()
    codes = np.arange(100) % 3
    assert np.isfinite(model.zero_scores(slice(None)).at(totals, codes)).all()
    drawn = model.quantiles(np.linspace(0.01, 0.99, 100), totals, codes, np.arange(100) % 2)
    assert np.isfinite(drawn).all()
    assert (drawn[np.arange(100) % 2 == 1] == 0).all()


def test_a_stratum_without_cells_has_the_prior_share():
    counts, totals = gamma_counts(3.0, n_cells=100)
    model = fitted_poisson_mixture(counts, totals, n_strata=2, mean_prior=3.0)
    mean = float(model.share[1, 0] * (model.weights[1, 0] @ GRID))
    assert mean == pytest.approx(counts.sum() / totals.sum(), rel=1e-3)


def test_poisson_mixture_order_of_cells_is_irrelevant():
    counts, totals = gamma_counts(3.0, n_cells=300)
    order = np.random.default_rng(0).permutation(300)
    one, other = fitted_poisson_mixture(counts, totals), fitted_poisson_mixture(counts[order], totals[order])
    np.testing.assert_allclose(one.share, other.share, rtol=1e-4)
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-4)
