import numpy as np
import pytest
from scipy.stats import binomtest, norm

from scgarage.judge.privacy.checks import resample, share_interval


def _mean_of(values: np.ndarray):
    return lambda weights: float(weights @ values / weights.sum())


def test_interval_of_a_mean_is_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(3, 2, 400)
    low, high = resample(_mean_of(values), np.arange(400), rng=np.random.default_rng(1), n_resamples=4000)
    expected = norm.interval(0.95, values.mean(), values.std() / 20)
    assert (low, high) == pytest.approx(expected, abs=0.02)


def test_cells_that_belong_together_are_drawn_together() -> None:
    # Ten clusters of equal cells: 400 cells say no more than ten.
    rng = np.random.default_rng(2)
    values, clusters = np.repeat(rng.normal(size=10), 40), np.repeat(np.arange(10), 40)
    widths = [
        np.diff(resample(_mean_of(values), c, rng=np.random.default_rng(3)))[0] for c in (np.arange(400), clusters)
    ]
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(40), rel=0.2)


def test_seed_fixes_the_interval_and_nothing_gives_nan() -> None:
    values = np.random.default_rng(4).normal(size=50)
    bounds = [resample(_mean_of(values), np.arange(50), rng=np.random.default_rng(s)) for s in (0, 0, 1)]
    assert bounds[0] == bounds[1] != bounds[2]
    assert np.isnan(resample(lambda weights: float("nan"), np.arange(5), rng=np.random.default_rng(0))).all()


@pytest.mark.parametrize("hits", [0, 3, 50])
def test_share_interval_is_the_exact_one(hits: int) -> None:
    expected = binomtest(hits, 50).proportion_ci(0.95, method="exact")
    assert share_interval(hits / 50, 50) == pytest.approx((expected.low, expected.high))
    low, high = share_interval(hits / 50, 10)
    assert low <= expected.low
    assert high >= expected.high
