import numpy as np
import pytest
from scipy import stats

from scgarage.models.garage.factors import FAR, Censored, draw_scores, normal_score


def intervals(low, high, n_cells=20_000):
    """One gene whose cells all have a count, with the same interval."""
    rows = np.arange(n_cells)
    zero = np.zeros((n_cells, 1), dtype=np.float32)
    return Censored(zero, rows, np.zeros(n_cells, dtype=np.int64), np.full(n_cells, low), np.full(n_cells, high))


def drawn(cells, mean=0.0, spread=1.0, seed=0):
    mean = np.full(cells.zero.shape, mean, dtype=np.float32)
    return draw_scores(cells, mean, np.full(cells.zero.shape[1], spread, dtype=np.float32), np.random.default_rng(seed))


@pytest.mark.parametrize(("low", "high"), [(-6.0, 6.0), (-0.5, 0.2), (0.3, 6.0), (1.5, 1.6), (-2.0, -1.0)])
@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (0.7, 0.4), (-1.0, 0.9)])
def test_entries_with_counts_follow_truncated_normals(low, high, mean, spread):
    scores = drawn(intervals(low, high), mean, spread).ravel()
    assert scores.min() >= low - 1e-5
    assert scores.max() <= high + 1e-5
    truth = stats.truncnorm((low - mean) / spread, (high - mean) / spread, loc=mean, scale=spread)
    assert scores.mean() == pytest.approx(truth.mean(), abs=0.03 * truth.std())
    assert scores.std() == pytest.approx(truth.std(), rel=0.05)


@pytest.mark.parametrize("mean", [0.0, 1.2, -2.0])
def test_entries_without_counts_follow_normals_cut_from_above(mean):
    zero = np.full((20_000, 1), 0.4, dtype=np.float32)
    nothing = np.empty(0, dtype=np.int64)
    scores = drawn(Censored(zero, nothing, nothing, np.empty(0), np.empty(0)), mean, 0.8).ravel()
    truth = stats.truncnorm(-np.inf, (0.4 - mean) / 0.8, loc=mean, scale=0.8)
    assert scores.max() <= 0.4 + 1e-4
    assert scores.mean() == pytest.approx(truth.mean(), abs=0.03 * truth.std())
    assert scores.std() == pytest.approx(truth.std(), rel=0.05)


def test_continuous_values_are_kept():
    np.testing.assert_allclose(drawn(intervals(0.37, 0.37, 10)), 0.37, rtol=1e-6)


@pytest.mark.parametrize(("low", "high"), [(5.0, 5.1), (-5.1, -5.0), (5.9, 6.0)])
@pytest.mark.parametrize("mean", [0.0, -3.0, 3.0])
def test_far_tails_stay_finite_and_inside(low, high, mean):
    scores = drawn(intervals(low, high, 500), mean, 0.3)
    assert np.isfinite(scores).all()
    assert scores.min() >= low - 1e-5
    assert scores.max() <= high + 1e-5


def test_zero_that_is_hardly_possible_stays_finite():
    nothing = np.empty(0, dtype=np.int64)
    cells = Censored(np.full((500, 1), -5.5, dtype=np.float32), nothing, nothing, np.empty(0), np.empty(0))
    scores = drawn(cells, 3.0, 0.5)
    assert np.isfinite(scores).all()
    assert np.abs(scores).max() <= FAR


def test_same_source_gives_the_same_scores_and_input_is_kept():
    cells = intervals(-0.3, 1.0, 50)
    before = cells.zero.copy()
    np.testing.assert_array_equal(drawn(cells, seed=3), drawn(cells, seed=3))
    assert (drawn(cells, seed=3) != drawn(cells, seed=4)).any()
    np.testing.assert_array_equal(cells.zero, before)


def test_normal_scores_are_quantiles_and_finite():
    levels = np.array([0.0, 0.025, 0.5, 0.975, 1.0])
    np.testing.assert_allclose(normal_score(levels), [-FAR, *stats.norm.ppf(levels[1:4]), FAR], atol=1e-12)
