import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from scgarage.errors import InputError
from scgarage.pp.graph import knn_graph


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
