"""Positions of cells, scaled for a network, and back."""

import numpy as np

from scgarage.models.flow import PositionScale


def test_scaled_positions_are_standard_and_come_back():
    positions = np.random.default_rng(0).normal([3, -7], [0.1, 40], size=(500, 2)).astype(np.float32)
    scale = PositionScale.fit(positions)
    scaled = scale.scaled(positions)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-4)
    np.testing.assert_allclose(scale.back(scaled), positions, rtol=1e-4, atol=1e-4)


def test_nothing_comes_back_from_farther_out_than_the_training_cells():
    positions = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]], dtype=np.float32)
    scale = PositionScale.fit(positions)
    np.testing.assert_allclose(scale.back(np.array([[-99, 0], [99, 0]], dtype=np.float32)), [[0, 5], [2, 5]])
    assert np.isfinite(scale.scaled(positions)).all(), "a dimension without spread"
