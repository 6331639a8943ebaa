import numpy as np
import pytest
from scipy import sparse

from scgarage.models.garage.strata import FARTHEST, SLOPES, Depth, Strata, fit_slopes


def simulated(slopes, n_cells=4000, level=3.0, seed=0):
    rng = np.random.default_rng(seed)
    totals = np.exp(rng.normal(7, 0.5, n_cells))
    x = (np.log(totals) - np.log(totals).mean()) / np.log(totals).std()
    mean = totals[:, None] / totals.mean() * level * np.exp(x[:, None] * np.asarray(slopes))
    return rng.poisson(mean).astype(float), totals


def found(counts, totals, codes=None, n_strata=1):
    codes = np.zeros(len(totals), dtype=np.int64) if codes is None else codes
    strata = Strata.of(codes, np.zeros_like(codes), n_strata, 1)
    return fit_slopes(sparse.csc_matrix(counts), totals, codes, Depth.fit(totals, codes, strata))


def test_slopes_of_a_poisson_regression_come_back():
    from sklearn.linear_model import PoissonRegressor

    truth = [-0.4, 0.0, 0.3, 0.6]
    counts, totals = simulated(truth)
    slopes, _ = found(counts, totals)
    np.testing.assert_allclose(slopes[0], truth, atol=0.03)
    x = (np.log(totals) - np.log(totals).mean()) / np.log(totals).std()
    reference = [
        PoissonRegressor(alpha=0, tol=1e-8)
        .fit(x[:, None], gene / totals * totals.mean(), sample_weight=totals)
        .coef_[0]
        for gene in counts.T
    ]
    np.testing.assert_allclose(slopes[0], reference, atol=0.01)


def test_exposure_makes_the_means_of_the_training_cells():
    counts, totals = simulated([-0.4, 0.5])
    slopes, exposure = found(counts, totals)
    x = Depth.fit(totals, np.zeros(4000, dtype=np.int64), Strata(1, 1, np.array([4000])))
    x = x.standardise(totals, np.zeros(4000, dtype=np.int64))
    share = counts.sum(axis=0) / exposure[0]
    expected = totals[:, None] * share * np.exp(slopes[0] * x)
    np.testing.assert_allclose(expected.sum(axis=0), counts.sum(axis=0), rtol=0.01)


def test_few_cells_give_no_slope_and_many_do():
    counts, totals = simulated([0.6], level=0.05)
    few, many = found(counts[:30], totals[:30])[0][0, 0], found(counts, totals)[0][0, 0]
    assert abs(few) < 0.1
    assert many == pytest.approx(0.6, abs=0.2)


def test_a_stratum_without_cells_and_a_gene_without_counts_have_none():
    counts, totals = simulated([0.5, 0.0])
    counts[:, 1] = 0
    slopes, exposure = found(counts, totals, np.full(4000, 2), n_strata=3)
    assert (slopes[:2] == 0).all()
    assert slopes[2, 1] == 0
    assert np.isfinite(exposure).all()
    assert np.abs(slopes).max() <= SLOPES[-1]


def test_cells_of_one_depth_have_no_slope():
    counts = np.random.default_rng(0).poisson(2.0, (50, 3)).astype(float)
    slopes, exposure = found(counts, np.full(50, 100.0))
    assert (slopes == 0).all()
    np.testing.assert_allclose(exposure, 5000.0)


def test_depth_is_standard_within_strata_and_never_far_out():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1], 2000)
    totals = np.exp(rng.normal(7, 0.5, 4000) + codes)
    depth = Depth.fit(totals, codes, Strata.of(codes, np.zeros_like(codes), 2, 1))
    x = depth.standardise(totals, codes)[:, 0]
    for code in (0, 1):
        assert x[codes == code].mean() == pytest.approx(0, abs=0.05)
        assert x[codes == code].std() == pytest.approx(1, abs=0.05)
    assert np.abs(depth.standardise(np.array([1.0, 1e9]), np.array([0, 1]))).max() == FARTHEST


def test_sums_of_noisy_cells_are_distributed_like_the_library_sizes():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1], 5000)
    totals = np.exp(rng.normal(7, 0.5, 10_000) - codes)

    def drawn(sizes):
        return sizes * np.exp(rng.normal(-0.2, 0.3, len(sizes)))

    depth = Depth.fit(totals, codes, Strata.of(codes, np.zeros_like(codes), 2, 1))
    made = drawn(depth.calibrated(totals, drawn(totals), codes).aimed_at(totals, codes))
    for code in (0, 1):
        mine = codes == code
        assert np.log(made[mine]).mean() == pytest.approx(np.log(totals[mine]).mean(), abs=0.03)
        assert np.log(made[mine]).std() == pytest.approx(np.log(totals[mine]).std(), rel=0.03)
    np.testing.assert_allclose(depth.aimed_at(totals, codes), totals)
