import numpy as np
import pytest
from scipy.spatial.distance import cdist

from scgarage.errors import InputError
from scgarage.judge.privacy import distance_ratio
from scgarage.judge.privacy.copies import quantile_ratio


def test_agrees_with_all_distances() -> None:
    synthetic, train, holdout = np.random.default_rng(0).normal(size=(3, 70, 4))
    for quantile in (0.1, 0.5):
        expected = np.quantile(cdist(synthetic, train).min(1), quantile)
        expected /= np.quantile(cdist(synthetic, holdout).min(1), quantile)
        assert distance_ratio(synthetic, train, holdout, quantile=quantile) == pytest.approx(expected)


def test_fresh_cells_give_one_and_swapping_gives_the_inverse() -> None:
    synthetic, train, holdout = np.random.default_rng(1).normal(size=(3, 800, 6))
    value = distance_ratio(synthetic, train, holdout)
    assert value == pytest.approx(1, abs=0.05)
    assert distance_ratio(synthetic, holdout, train) == pytest.approx(1 / value)
    assert distance_ratio(9 * synthetic, 9 * train, 9 * holdout) == pytest.approx(value)


def test_a_fifth_of_copies_shows_in_the_nearest_tenth_and_not_in_the_median() -> None:
    rng = np.random.default_rng(2)
    synthetic, train, holdout = rng.normal(size=(3, 500, 6))
    synthetic[:100] = train[:100]
    assert distance_ratio(synthetic, train, holdout, quantile=0.1) == 0
    assert distance_ratio(synthetic, train, holdout) > 0.8


def test_zero_distances() -> None:
    assert quantile_ratio(np.zeros(3), np.zeros(3), 0.5) == 1
    assert quantile_ratio(np.ones(3), np.zeros(3), 0.5) == float("inf")


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="train has 4 cells and holdout 3"):
        distance_ratio(np.zeros((3, 2)), np.zeros((4, 2)), np.zeros((3, 2)))
    with pytest.raises(InputError, match="quantile is 0"):
        distance_ratio(np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 2)), quantile=0)
