import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.judge.rare import loras


def test_moments_match_the_closed_form():
    # All cells are neighbours, so a cell is a Dirichlet(1, ..., 1) mean of M points plus noise; its covariance is
    # that of the points (divisor M) over M + 1, plus 2 / (M + 1) of the noise's.
    points = np.random.default_rng(0).normal(size=(6, 3))
    made = loras(points, 200_000, n_neighbors=5, noise=0.3)
    np.testing.assert_allclose(made.mean(axis=0), points.mean(axis=0), atol=0.005)
    expected = np.cov(points.T, bias=True) / 7 + 0.3**2 * 2 / 7 * np.eye(3)
    np.testing.assert_allclose(np.cov(made.T), expected, atol=0.003)


def test_without_noise_two_cells_give_the_segment_between_them():
    made = loras(np.array([[0.0, 0.0], [2.0, 4.0]]), 1000, noise=0.0)
    np.testing.assert_allclose(made[:, 1], 2 * made[:, 0])
    assert 0 <= made[:, 0].min() < 0.05
    assert 1.95 < made[:, 0].max() <= 2


def test_only_neighbours_are_combined():
    far_apart = np.concatenate([np.zeros((6, 2)), np.full((6, 2), 100.0)])
    made = loras(far_apart, 300, noise=0.0)
    np.testing.assert_allclose(np.minimum(made, 100 - made), 0, atol=1e-9)


def test_shift_and_scale_go_through():
    points = np.random.default_rng(1).normal(size=(9, 4))
    made = loras(points, 40, noise=0.1, random_state=5)
    np.testing.assert_allclose(loras(3 * points + 2, 40, noise=0.3, random_state=5), 3 * made + 2, atol=1e-9)


@pytest.mark.parametrize(
    ("n_real", "arguments"), [(1, {}), (5, {"n_neighbors": 0}), (5, {"n_cells": -1}), (5, {"noise": -0.1})]
)
def test_arguments_without_sense_are_refused(n_real, arguments):
    with pytest.raises(InputError, match="LoRAS needs at least 2 real cells"):
        loras(np.zeros((n_real, 2)), **{"n_cells": 3} | arguments)
