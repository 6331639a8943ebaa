from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from scgarage.errors import InputError
from scgarage.seeds import FacilityLocationSelector, facility_location, similarities


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(0).normal(size=(60, 3))


def greedy(dense, n):
    """Greedy facility location, each gain computed anew."""
    picks, gains = [], []
    for _ in range(n):
        best = dense[:, picks].max(axis=1) if picks else np.zeros(len(dense))
        gain = np.maximum(dense - best[:, None], 0).sum(axis=0)
        gain[picks] = -1
        picks.append(int(gain.argmax()))
        gains.append(gain.max())
    return picks, gains


@pytest.mark.parametrize("n", [1, 7, 25])
def test_choice_and_gains_are_those_of_the_plain_greedy(points, n):
    near = similarities(points, 8)
    picks, gains = greedy(near.toarray(), n)
    scores = facility_location(near, n)
    if n < 10:  # of the last cells, two that are each other's nearest may gain the same
        assert np.argsort(-scores)[:n].tolist() == picks
    np.testing.assert_allclose(np.sort(scores)[::-1][:n], gains)
    assert scores.min() >= 0


def test_the_sum_of_the_gains_is_near_the_best_possible():
    points = np.random.default_rng(3).normal(size=(14, 2))
    dense = similarities(points, 6).toarray()
    best = max(dense[:, list(chosen)].max(axis=1).sum() for chosen in combinations(range(14), 3))
    scores = facility_location(similarities(points, 6), 3)
    assert (1 - 1 / np.e) * best <= np.sort(scores)[-3:].sum() <= best + 1e-9


def test_similarities_are_of_near_cells_only(points):
    found = similarities(points, 5).toarray()
    distances = cdist(points, points)
    np.fill_diagonal(distances, np.inf)
    rank = distances.argsort(axis=1).argsort(axis=1)
    near = (rank < 5) | (rank < 5).T
    np.fill_diagonal(distances, 0.0)
    scale = np.median(np.sort(distances, axis=1)[:, 5])
    expected = np.where(near | np.eye(60, dtype=bool), np.exp(-((distances / scale) ** 2)), 0.0)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_order_scale_and_place_are_irrelevant(points):
    order = np.random.default_rng(1).permutation(60)
    expected = facility_location(similarities(points, 8), 12)
    np.testing.assert_allclose(facility_location(similarities(points[order], 8), 12), expected[order], atol=1e-9)
    np.testing.assert_allclose(facility_location(similarities(3 * points + 2, 8), 12), expected, atol=1e-9)


def test_every_group_gets_a_seed():
    rng = np.random.default_rng(1)
    points = np.repeat(50 * np.eye(5), [60, 60, 60, 60, 8], axis=0) + rng.normal(size=(248, 5))
    seeds = np.argsort(-facility_location(similarities(points), 40))[:40]
    assert set(np.minimum(seeds // 60, 4)) == {0, 1, 2, 3, 4}


def test_one_cell_and_cells_at_the_same_place():
    assert facility_location(similarities(np.zeros((1, 2))), 1).tolist() == [1.0]
    assert facility_location(similarities(np.zeros((5, 2)), 4), 2).max() == 5.0


def test_too_many_seeds_are_refused(typed_cells):
    with pytest.raises(InputError, match="between 1 and 176"):
        FacilityLocationSelector().select(typed_cells, 177)
