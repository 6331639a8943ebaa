import numpy as np
import pytest
from scipy import sparse

from scgarage.models.garage.marginals import LEVELS, Hurdle


def log_normal(n_cells=400, seed=0):
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(0, 0.5, (n_cells, 3))) * (rng.random((n_cells, 3)) < [0.9, 0.5, 0.05])
    return values.astype(np.float32)


def fitted(values, strata=None, *, n_strata=1, mean_prior=0.0, weight_prior=0.01):
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
    level = fitted(values).zero_level(*ones(2), slice(None))
    np.testing.assert_allclose(level, np.tile((values == 0).mean(axis=0), (2, 1)), atol=1e-6)
    np.testing.assert_allclose(fitted(values).zero_level(*ones(2), np.array([2, 0])), level[:, [2, 0]])


def test_tables_are_numpys_quantiles():
    values = log_normal()
    found = fitted(values, weight_prior=0.0).values[0]
    for gene in range(3):
        seen = values[:, gene][values[:, gene] > 0]
        np.testing.assert_allclose(found[gene], np.quantile(seen, LEVELS), rtol=1e-5)


def test_sampled_values_have_mean_zeros_and_spread_of_the_data():
    values = log_normal(3000)
    model = fitted(values)
    levels = np.random.default_rng(1).random(30_000)
    zero = float(model.zero[0, 1])
    drawn = np.where(levels > zero, model.quantiles(levels, *ones(30_000), np.full(30_000, 1)), 0.0)
    assert (drawn == 0).mean() == pytest.approx((values[:, 1] == 0).mean(), abs=0.01)
    assert drawn.mean() == pytest.approx(values[:, 1].mean(), rel=0.03)
    assert drawn.std() == pytest.approx(values[:, 1].std(), rel=0.05)


def test_quantiles_invert_intervals():
    values = log_normal()[:, 0]
    seen = values[values > 0].astype(float)
    model = fitted(log_normal())
    genes = np.zeros(len(seen), dtype=np.int64)
    low, high = model.intervals(seen, *ones(len(seen)), genes)
    inner = (seen > seen.min()) & (seen < seen.max())
    np.testing.assert_array_equal(low[inner], high[inner])
    np.testing.assert_allclose(model.quantiles(low, *ones(len(seen)), genes)[inner], seen[inner], rtol=1e-4)


def test_extremes_get_an_interval_and_no_infinite_score():
    """A level of exactly 1 would be a score of 6 standard deviations for the largest of any number of cells."""
    values = log_normal()
    model = fitted(values)
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
    own = fitted(values, strata, n_strata=2, weight_prior=0.0).values[0, 0, 8]
    borrowed = fitted(values, strata, n_strata=2, weight_prior=5.0).values[0, 0, 8]
    pooled = fitted(values).values[0, 0, 8]
    assert own == pytest.approx(55)
    assert borrowed == pytest.approx(2 / 7 * own + 5 / 7 * pooled, rel=1e-4)


@pytest.mark.parametrize("prior", [0.0, 3.0])
def test_strata_and_genes_without_values_are_finite(prior):
    values = log_normal()
    values[:, 2] = 0
    model = fitted(values, n_strata=2, mean_prior=prior, weight_prior=prior)
    assert np.isfinite(model.zero).all()
    assert np.isfinite(model.values).all()
    assert (model.zero[:, 2] == 1).all()
    np.testing.assert_allclose(model.zero[1], model.zero[0], atol=1e-6)
    np.testing.assert_allclose(model.values[1, :2], model.values[0, :2], rtol=1e-5)


def test_order_of_cells_is_irrelevant():
    values = log_normal()
    order = np.random.default_rng(0).permutation(len(values))
    np.testing.assert_allclose(fitted(values).values, fitted(values[order]).values)
