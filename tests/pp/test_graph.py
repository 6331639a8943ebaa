import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.metrics import adjusted_rand_score

from scgarage.errors import InputError
from scgarage.pp import communities
from scgarage.pp.graph import knn_graph


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


def points(n_cells: int = 60, n_components: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_cells, n_components))


def neighbour_sets(edges: torch.Tensor) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for source, target in edges.T.tolist():
        found.setdefault(target, set()).add(source)
    return found


@pytest.mark.parametrize("n_neighbors", [1, 5, 20])
def test_edges_come_from_the_nearest_cells(n_neighbors):
    cells = points()
    distance = cdist(cells, cells)
    np.fill_diagonal(distance, np.inf)
    expected = {i: set(np.argsort(row)[:n_neighbors].tolist()) for i, row in enumerate(distance)}
    assert neighbour_sets(knn_graph(cells, n_neighbors)) == expected


def test_every_cell_receives_exactly_k_edges_and_none_from_itself():
    edges = knn_graph(points(), 5)
    assert edges.dtype == torch.int64
    assert torch.equal(torch.bincount(edges[1]), torch.full((60,), 5))
    assert not (edges[0] == edges[1]).any()


def test_edges_run_from_the_neighbour_to_the_cell():
    # The outlier's neighbours are in the cluster, and no cell of the cluster lists the outlier.
    cells = np.vstack([points(10), [[100.0] * 4]])
    edges = knn_graph(cells, 3)
    assert (edges[1] == 10).sum() == 3
    assert not (edges[0] == 10).any()


def test_edges_of_a_cell_are_ordered_by_distance():
    cells = points()
    edges = knn_graph(cells, 5).numpy()
    length = np.linalg.norm(cells[edges[0]] - cells[edges[1]], axis=1).reshape(60, 5)
    assert (np.diff(length, axis=1) >= 0).all()


def test_permuted_cells_have_the_permuted_graph():
    cells = points()
    order = np.random.default_rng(1).permutation(60)
    permuted = neighbour_sets(knn_graph(cells[order]))
    original = neighbour_sets(knn_graph(cells))
    assert {int(order[i]): {int(order[j]) for j in near} for i, near in permuted.items()} == original


def test_rotation_shift_and_scale_change_nothing():
    cells = points()
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(4, 4)))[0]
    assert torch.equal(knn_graph(cells), knn_graph(3.0 * cells @ rotation + 7.0))


def test_identical_cells_are_neighbours_of_each_other():
    cells = np.repeat(points(8), 3, axis=0)
    found = neighbour_sets(knn_graph(cells, 2))
    assert found == {i: {3 * (i // 3) + j for j in range(3)} - {i} for i in range(24)}


def test_many_identical_cells_keep_k_neighbours_that_are_not_the_first_ones():
    edges = knn_graph(np.zeros((30, 2)), 5)
    assert torch.equal(torch.bincount(edges[1]), torch.full((30,), 5))
    assert not (edges[0] == edges[1]).any()
    assert len(torch.unique(edges[0])) > 10


def test_small_data_sets_get_the_neighbours_there_are():
    with pytest.warns(UserWarning, match="4 cells cannot have 5 neighbours each; 3 are used"):
        edges = knn_graph(points(4), 5)
    assert neighbour_sets(edges) == {i: set(range(4)) - {i} for i in range(4)}


def test_same_random_state_same_graph():
    cells = np.zeros((40, 2))
    assert torch.equal(knn_graph(cells, random_state=3), knn_graph(cells, random_state=3))
    assert not torch.equal(knn_graph(cells, random_state=3), knn_graph(cells, random_state=4))


@pytest.mark.slow
def test_approximate_search_finds_nearly_all_neighbours_and_repeats_itself():
    cells = points(9_000, 20)
    exact = knn_graph(cells)
    approximate = knn_graph(cells, exact_up_to=1_000)
    assert torch.equal(approximate, knn_graph(cells, exact_up_to=1_000))
    assert torch.equal(torch.bincount(approximate[1]), torch.full((9_000,), 5))
    keys = [edges[0].numpy() * 9_000 + edges[1].numpy() for edges in (exact, approximate)]
    assert np.isin(keys[0], keys[1]).mean() > 0.95


@pytest.mark.parametrize(
    ("cells", "n_neighbors", "message"),
    [
        (np.zeros((1, 3)), 5, "at least 2 cells"),
        (np.zeros(10), 5, "at least 2 cells"),
        (np.zeros((10, 0)), 5, "one component"),
        (np.array([[0.0], [np.nan], [1.0]]), 1, "not finite, in 1 cells"),
        (np.zeros((10, 2)), 0, "n_neighbors must be at least 1; found 0"),
    ],
)
def test_unusable_input_is_refused(cells, n_neighbors, message):
    with pytest.raises(InputError, match=message):
        knn_graph(cells, n_neighbors)
