"""How a request becomes the type of each cell."""

import numpy as np
import pytest

from scgarage.models.base import types_wanted

TYPES = ("a", "b", "c")


@pytest.mark.parametrize("n", [1, 7, 100, 1001])
def test_plain_number_has_the_training_proportions(n):
    sizes = np.array([700.0, 290.0, 10.0])
    labels = types_wanted(n, TYPES, sizes, np.random.default_rng(0))
    assert len(labels) == n
    exact = n * sizes / sizes.sum()
    assert (np.abs(np.bincount(labels, minlength=3) - exact) < 1).all()


def test_order_is_random_and_rests_are_drawn_fairly():
    sizes = np.array([1.0, 1.0, 2.0])
    drawn = [types_wanted(1, TYPES, sizes, np.random.default_rng(seed))[0] for seed in range(2000)]
    np.testing.assert_allclose(np.bincount(drawn) / 2000, [0.25, 0.25, 0.5], atol=0.04)
    many = types_wanted(400, TYPES, sizes, np.random.default_rng(0))
    assert (np.diff(many) != 0).sum() > 100


def test_numbers_by_type_come_type_by_type():
    labels = types_wanted({"c": 2, "a": 3}, TYPES, np.ones(3), np.random.default_rng(0))
    assert labels.tolist() == [2, 2, 0, 0, 0]
