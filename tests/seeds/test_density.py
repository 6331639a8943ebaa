import numpy as np
import pytest
from scipy.spatial.distance import cdist

from scgarage.errors import InputError
from scgarage.seeds import DensitySelector, neighbour_distance


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(0).normal(size=(70, 3))


@pytest.mark.parametrize("k", [1, 5, 69])
def test_distance_to_the_kth_other_cell(points, k):
    np.testing.assert_allclose(neighbour_distance(points, k), np.sort(cdist(points, points), axis=1)[:, k])


def test_few_cells_take_the_farthest_and_one_has_none(points):
    np.testing.assert_allclose(neighbour_distance(points[:4], 50), cdist(points[:4], points[:4]).max(axis=1))
    assert neighbour_distance(points[:1]).tolist() == [0.0]


def test_order_and_place_are_irrelevant_and_scale_is_that_of_the_distance(points):
    order = np.random.default_rng(1).permutation(70)
    np.testing.assert_allclose(neighbour_distance(points[order], 5), neighbour_distance(points, 5)[order])
    np.testing.assert_allclose(neighbour_distance(2 * points - 7, 5), 2 * neighbour_distance(points, 5))


def test_sparse_regions_come_first():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(90, 3)), 40 + 6 * rng.normal(size=(10, 3))])
    scores = neighbour_distance(points, 20)
    assert scores[90:].min() > scores[:90].max()


def test_a_graph_without_neighbours_is_refused(typed_cells):
    with pytest.raises(InputError, match="n_neighbors must be at least 1; found 0"):
        DensitySelector(n_neighbors=0)
