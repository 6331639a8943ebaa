import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group

from scgarage.errors import InputError
from scgarage.judge.privacy.copies import near_copies, near_limit, neighbour_ratio


def test_agrees_with_sorting_all_distances() -> None:
    cells, train = np.random.default_rng(0).normal(size=(2, 80, 4))
    ordered = np.sort(cdist(cells, train), axis=1)
    ratio, nearest = neighbour_ratio(cells, train)
    np.testing.assert_allclose(ratio, ordered[:, 0] / ordered[:, 1])
    np.testing.assert_array_equal(nearest, cdist(cells, train).argmin(axis=1))
    among = np.sort(cdist(train, train), axis=1)
    assert near_limit(train, quantile=0.2) == pytest.approx(np.quantile(among[:, 1] / among[:, 2], 0.2))


def test_fresh_cells_have_the_share_that_was_asked_for() -> None:
    rng = np.random.default_rng(1)
    shares = [near_copies(*rng.normal(size=(2, 600, 10)), quantile=0.05).mean() for _ in range(10)]
    assert np.mean(shares) == pytest.approx(0.05, abs=0.015)


def test_noisy_copies_are_near_and_averaged_cells_are_not() -> None:
    rng = np.random.default_rng(2)
    train = rng.normal(size=(500, 20))
    assert near_copies(train + rng.normal(0, 0.2, train.shape), train).mean() > 0.95
    # Near the middle every distance is smaller than between real cells, and none is a copy's.
    assert near_copies(rng.normal(0, 0.3, train.shape), train).mean() < 0.02


def test_rotation_scale_and_order_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    cells, train = rng.normal(size=(60, 5)), rng.normal(size=(90, 5))
    expected = near_copies(cells, train, quantile=0.3)
    rotation = 7 * ortho_group.rvs(5, random_state=0)
    np.testing.assert_array_equal(near_copies(cells @ rotation, train @ rotation, quantile=0.3), expected)
    np.testing.assert_array_equal(near_copies(cells, rng.permutation(train), quantile=0.3), expected)
    assert 0 < expected.mean() < 1


def test_a_copy_of_two_equal_training_cells_is_a_copy() -> None:
    ratio, _ = neighbour_ratio(np.zeros((1, 2)), np.array([[0.0, 0.0], [0.0, 0.0], [5.0, 1.0]]))
    assert ratio.tolist() == [0.0]


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="train has 1 cells"):
        neighbour_ratio(np.zeros((3, 2)), np.zeros((1, 2)))
    with pytest.raises(InputError, match="quantile is 1"):
        near_limit(np.zeros((4, 2)), quantile=1)
