import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors

from scgarage.models.garage.positions import CLOSED, SMALLEST, _with_islands, _without_small, cluster


def planted(n_rare=8, seed=0):
    """Three types of 492 cells together, and a rare one, each with its own marker genes."""
    rng = np.random.default_rng(seed)
    types = np.concatenate([np.arange(492) % 3, np.full(n_rare, 3)])
    mean = np.full((4, 80), 1.0)
    for number in range(4):
        mean[number, number * 10 : number * 10 + 10] = 8.0
    return sparse.csr_matrix(np.log1p(rng.poisson(mean[types])).astype(np.float32)), types


@pytest.fixture(scope="module")
def found():
    values, types = planted()
    return cluster(values, resolution=2.0, random_state=0), types


def test_a_rare_type_gets_its_own_cluster(found):
    clusters, types = found
    rare = clusters[types == 3]
    assert len(set(rare)) == 1
    assert set(clusters[types < 3]).isdisjoint(rare)


def test_no_cluster_mixes_types(found):
    clusters, types = found
    for number in np.unique(clusters):
        inside = types[clusters == number]
        assert (inside == np.bincount(inside).argmax()).mean() > 0.95


def test_numbers_are_consecutive_and_reproducible(found):
    clusters, _ = found
    assert set(clusters) == set(range(clusters.max() + 1))
    assert np.bincount(clusters).min() >= 3
    np.testing.assert_array_equal(cluster(planted()[0], resolution=2.0, random_state=0), clusters)


def test_order_of_genes_is_irrelevant(found):
    values, _ = planted()
    order = np.random.default_rng(0).permutation(values.shape[1])
    again = cluster(values[:, order], resolution=2.0, random_state=0)
    assert adjusted_rand_score(found[0], again) > 0.8


def test_few_cells_make_one_or_more_clusters():
    values, _ = planted()
    clusters = cluster(values[:6], resolution=2.0, random_state=0)
    assert clusters.shape == (6,)
    assert np.bincount(clusters).min() >= 3


def islands_by_definition(labels, candidates, near):
    found = labels.copy()
    for number in np.unique(candidates):
        own = np.flatnonzero(candidates == number)
        wanted = min(near.shape[1], len(own) - 1)
        if len(own) >= SMALLEST and np.mean([np.isin(near[cell][:wanted], own).mean() for cell in own]) >= CLOSED:
            found[own] = labels.max() + 1 + number
    return found


def test_islands_are_candidates_that_hold_most_of_their_neighbours():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(80, 2)), 30 + rng.normal(size=(14, 2))])
    near = NearestNeighbors(n_neighbors=14).fit(points).kneighbors(return_distance=False)
    # A slice of the large group, the small group, two of its cells alone, and the rest.
    candidates = np.where(points[:, 0] < -0.8, 0, 3)
    candidates[80:] = 1
    candidates[80:82] = 2
    labels = np.zeros(94, dtype=np.int64)
    found = _with_islands(labels, candidates, near)
    np.testing.assert_array_equal(found, islands_by_definition(labels, candidates, near))
    assert set(found[82:]) == {1 + 1}
    assert set(found[candidates == 0]) == {0}
    assert set(found[candidates == 2]) == {0}


def test_an_island_is_found_where_the_resolution_is_too_low_for_it():
    values, types = planted(n_rare=12, seed=1)
    clusters = cluster(values, resolution=0.05, random_state=0)
    rare = clusters[types == 3]
    assert len(set(rare)) == 1
    assert set(clusters[types < 3]).isdisjoint(rare)


def test_lost_cells_join_the_nearest_cluster():
    points = np.array([[0.0], [0.1], [0.2], [9.0], [9.1], [9.2], [8.0], [1.0]], dtype=np.float32)
    labels = np.array([0, 0, 0, 2, 2, 2, 1, 3])
    assert _without_small(points, labels).tolist() == [0, 0, 0, 1, 1, 1, 1, 0]
    assert _without_small(points, np.arange(8)).tolist() == [0] * 8
