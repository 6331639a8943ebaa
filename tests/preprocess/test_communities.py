import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from scgarage.errors import InputError
from scgarage.pp import communities


@pytest.fixture(scope="module")
def groups():
    """Three groups of 60 cells and one of 20, far apart."""
    rng = np.random.default_rng(0)
    names = np.repeat(np.arange(4), [60, 60, 60, 20])
    return (20.0 * np.eye(4)[names] + rng.normal(size=(200, 4))).astype(np.float32), names


def test_groups_far_apart_are_the_communities_at_a_low_resolution(groups):
    points, names = groups
    assert adjusted_rand_score(names, communities(points, (0.3,))[0]) == 1.0


def test_higher_resolutions_give_more_communities_that_stay_within_groups(groups):
    points, names = groups
    found = communities(points, (0.3, 2.0, 8.0))
    assert found.shape == (3, 200)
    assert found.dtype == np.int64
    numbers = [len(np.unique(row)) for row in found]
    assert numbers == sorted(numbers)
    assert numbers[0] == 4 < numbers[-1]
    for number in np.unique(found[-1]):
        assert len(set(names[found[-1] == number])) == 1


def test_a_resolution_does_not_depend_on_the_others(groups):
    points, _ = groups
    np.testing.assert_array_equal(communities(points, (0.3, 2.0))[1], communities(points, (2.0,))[0])


def test_scale_and_place_are_irrelevant(groups):
    points, _ = groups
    first, moved = communities(points, (1.0,))[0], communities(4 * points + 8, (1.0,))[0]
    assert adjusted_rand_score(first, moved) > 0.9


def test_order_of_cells_does_not_matter_for_groups_far_apart(groups):
    points, names = groups
    order = np.random.default_rng(1).permutation(200)
    found = communities(points[order], (0.3,), metric="cosine", n_iterations=-1)[0]
    assert adjusted_rand_score(names[order], found) == 1.0


def test_graph_is_made_once(groups, monkeypatch):
    import scanpy as sc

    calls = []
    original = sc.pp.neighbors
    monkeypatch.setattr(sc.pp, "neighbors", lambda *args, **kwargs: (calls.append(1), original(*args, **kwargs)))
    communities(groups[0], (0.1, 0.5, 1.0))
    assert len(calls) == 1


def test_cells_at_the_same_place_are_no_fault():
    assert communities(np.zeros((20, 2), dtype=np.float32)).shape == (1, 20)


@pytest.mark.parametrize(
    ("points", "resolutions", "match"),
    [
        (np.zeros((2, 2)), (1.0,), "at least 3 cells"),
        (np.zeros(9), (1.0,), "at least 3 cells"),
        (np.zeros((9, 2)), (), "at least one"),
        (np.zeros((9, 2)), (1.0, 0.0), "above 0"),
    ],
)
def test_unusable_arguments_are_refused(points, resolutions, match):
    with pytest.raises(InputError, match=match):
        communities(points, resolutions)
