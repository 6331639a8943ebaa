from itertools import combinations

import anndata as ad
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from scgarage.errors import InputError
from scgarage.pp import communities
from scgarage.seeds import (
    CommunitySelector,
    DensitySelector,
    FacilityLocationSelector,
    KCentreSelector,
    MixedSelector,
    community_scores,
    facility_location,
    farthest_first,
    neighbour_distance,
    similarities,
    take_turns,
)


@pytest.fixture(scope="module")
def groups():
    """Two groups of 150 cells and one of 12, far apart."""
    rng = np.random.default_rng(0)
    names = np.repeat([0, 1, 2], [150, 150, 12])
    return (30.0 * np.eye(3)[names] + rng.normal(size=(312, 3))).astype(np.float32), names


def test_scores_are_minus_the_mean_log_sizes(groups):
    points, _ = groups
    labels = communities(points, (0.5, 4.0))
    sizes = [[(row == number).sum() for number in row] for row in labels]
    expected = -np.mean(np.log(sizes), axis=0)
    np.testing.assert_allclose(community_scores(points, resolutions=(0.5, 4.0)), expected)


def test_the_small_group_scores_highest_without_labels(groups):
    points, names = groups
    scores = community_scores(points)
    assert scores[names == 2].min() > scores[names != 2].max()


def test_scale_is_irrelevant(groups):
    points, names = groups
    scores = community_scores(64 * points)
    assert scores[names == 2].min() > scores[names != 2].max()


def test_the_selector_takes_the_small_group_without_labels(groups):
    points, names = groups
    cells = ad.AnnData(np.zeros((312, 1), dtype=np.float32), obsm={"X_pca": points})
    seeds = CommunitySelector(use_rep="X_pca").select(cells, 14)
    np.testing.assert_array_equal(seeds.scores, community_scores(points))
    assert (names[seeds.indices[:12]] == 2).all()


def test_odd_resolutions_are_refused(typed_cells):
    with pytest.raises(InputError, match="resolutions must be numbers above 0"):
        CommunitySelector(resolutions=(1.0, -1.0)).select(typed_cells, 5)


@pytest.fixture(scope="module")
def points_density():
    return np.random.default_rng(0).normal(size=(70, 3))


@pytest.mark.parametrize("k", [1, 5, 69])
def test_distance_to_the_kth_other_cell(points_density, k):
    np.testing.assert_allclose(
        neighbour_distance(points_density, k), np.sort(cdist(points_density, points_density), axis=1)[:, k]
    )


def test_few_cells_take_the_farthest_and_one_has_none(points_density):
    np.testing.assert_allclose(
        neighbour_distance(points_density[:4], 50), cdist(points_density[:4], points_density[:4]).max(axis=1)
    )
    assert neighbour_distance(points_density[:1]).tolist() == [0.0]


def test_order_and_place_are_irrelevant_and_scale_is_that_of_the_distance(points_density):
    order = np.random.default_rng(1).permutation(70)
    np.testing.assert_allclose(
        neighbour_distance(points_density[order], 5), neighbour_distance(points_density, 5)[order]
    )
    np.testing.assert_allclose(neighbour_distance(2 * points_density - 7, 5), 2 * neighbour_distance(points_density, 5))


def test_sparse_regions_come_first():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(90, 3)), 40 + 6 * rng.normal(size=(10, 3))])
    scores = neighbour_distance(points, 20)
    assert scores[90:].min() > scores[:90].max()


def test_a_graph_without_neighbours_is_refused(typed_cells):
    with pytest.raises(InputError, match="n_neighbors must be at least 1; found 0"):
        DensitySelector(n_neighbors=0)


@pytest.fixture(scope="module")
def points_facility_location():
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
def test_choice_and_gains_are_those_of_the_plain_greedy(points_facility_location, n):
    near = similarities(points_facility_location, 8)
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


def test_similarities_are_of_near_cells_only(points_facility_location):
    found = similarities(points_facility_location, 5).toarray()
    distances = cdist(points_facility_location, points_facility_location)
    np.fill_diagonal(distances, np.inf)
    rank = distances.argsort(axis=1).argsort(axis=1)
    near = (rank < 5) | (rank < 5).T
    np.fill_diagonal(distances, 0.0)
    scale = np.median(np.sort(distances, axis=1)[:, 5])
    expected = np.where(near | np.eye(60, dtype=bool), np.exp(-((distances / scale) ** 2)), 0.0)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_order_scale_and_place_are_irrelevant(points_facility_location):
    order = np.random.default_rng(1).permutation(60)
    expected = facility_location(similarities(points_facility_location, 8), 12)
    np.testing.assert_allclose(
        facility_location(similarities(points_facility_location[order], 8), 12), expected[order], atol=1e-9
    )
    np.testing.assert_allclose(
        facility_location(similarities(3 * points_facility_location + 2, 8), 12), expected, atol=1e-9
    )


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


@pytest.fixture(scope="module")
def points_k_centre():
    return np.random.default_rng(0).normal(size=(80, 4))


def by_definition(points_k_centre, n):
    """Farthest-first traversal on the matrix of all distances."""
    distances = cdist(points_k_centre, points_k_centre)
    picks = [int(np.linalg.norm(points_k_centre - points_k_centre.mean(axis=0), axis=1).argmax())]
    while len(picks) < n:
        picks.append(int(distances[:, picks].min(axis=1).argmax()))
    return picks, distances[:, picks].min(axis=1)


@pytest.mark.parametrize("n", [1, 2, 15, 80])
def test_traversal_is_the_one_of_the_definition(points_k_centre, n):
    picks, left = by_definition(points_k_centre, n)
    scores = farthest_first(points_k_centre, n)
    assert np.argsort(-scores)[:n].tolist() == picks
    others = np.setdiff1d(np.arange(80), picks)
    np.testing.assert_allclose(scores[others], left[others])


def test_fewer_seeds_are_the_first_of_more(points_k_centre):
    few, many = (np.argsort(-farthest_first(points_k_centre, n)) for n in (10, 40))
    assert few[:10].tolist() == many[:10].tolist()


def test_radius_is_at_most_twice_that_of_the_best_centres_of_groups():
    rng = np.random.default_rng(1)
    centres = 50 * np.eye(5)
    points = np.repeat(centres, 30, axis=0) + rng.uniform(-1, 1, size=(150, 5))
    scores = farthest_first(points, 5)
    seeds = np.argsort(-scores)[:5]
    assert set(seeds // 30) == {0, 1, 2, 3, 4}
    best = cdist(points, centres).min(axis=1).max()
    assert cdist(points, points[seeds]).min(axis=1).max() <= 2 * best


def test_order_and_place_of_the_cells_are_irrelevant_and_scale_is_that_of_the_scores(points_k_centre):
    order = np.random.default_rng(2).permutation(80)
    np.testing.assert_allclose(farthest_first(points_k_centre[order], 20), farthest_first(points_k_centre, 20)[order])
    np.testing.assert_allclose(farthest_first(3 * points_k_centre + 5, 20), 3 * farthest_first(points_k_centre, 20))


def test_cells_at_the_same_place_are_no_fault():
    assert np.isfinite(farthest_first(np.zeros((6, 2)), 4)).all()


def test_with_labels_each_type_is_traversed_on_its_own(typed_cells):
    selector = KCentreSelector(labels_key="cell_type", use_rep="X_pca")
    seeds = selector.select(typed_cells, 40)
    labels = typed_cells.obs["cell_type"].to_numpy()
    own = np.flatnonzero(labels == "NK")
    quota = (labels[seeds.indices] == "NK").sum()
    expected = own[by_definition(typed_cells.obsm["X_pca"][own].astype(float), quota)[0]]
    assert set(seeds.indices[labels[seeds.indices] == "NK"]) == set(expected)


def test_a_missing_representation_is_named(typed_cells):
    with pytest.raises(InputError, match=r"no 'X_scvi'.*available: 'X_pca'"):
        KCentreSelector(use_rep="X_scvi").select(typed_cells, 5)


def one_by_one(first, second):
    """The order of a game in which two pick in turns, each the best left by its own score."""
    queues = [np.lexsort((-second, -first)).tolist(), np.lexsort((-first, -second)).tolist()]
    order = []
    for turn in range(2 * len(first)):
        cell = queues[turn % 2][turn // 2]
        if cell not in order:
            order.append(cell)
    return order


@pytest.mark.parametrize("decimals", [8, 1])
def test_turns_are_those_of_the_game(decimals):
    first, second = np.random.default_rng(0).normal(size=(2, 50)).round(decimals)
    assert np.argsort(-take_turns(first, second)).tolist() == one_by_one(first, second)


def test_half_of_the_first_seeds_are_the_best_of_each():
    first, second = np.arange(100.0), np.arange(100.0)[::-1]
    assert set(np.argsort(-take_turns(first, second))[:20]) == {*range(10), *range(90, 100)}


def test_order_of_the_cells_and_monotone_changes_of_a_score_are_irrelevant():
    first, second = np.random.default_rng(0).normal(size=(2, 50))
    expected, order = take_turns(first, second), np.random.default_rng(1).permutation(50)
    np.testing.assert_array_equal(take_turns(first[order], second[order]), expected[order])
    np.testing.assert_array_equal(take_turns(np.exp(first), 3 * second - 1), expected)


def test_scores_are_the_turns_of_community_and_coverage(typed_cells):
    points = typed_cells.obsm["X_pca"]
    seeds = MixedSelector(use_rep="X_pca", coverage="k_centre").select(typed_cells, 30)
    np.testing.assert_array_equal(seeds.scores, take_turns(community_scores(points), farthest_first(points, 30)))


def test_coverage_can_be_either(typed_cells):
    first, second = (
        MixedSelector(use_rep="X_pca", coverage=name).select(typed_cells, 30).scores
        for name in ("k_centre", "facility_location")
    )
    assert not np.array_equal(first, second)


def test_other_coverages_are_refused():
    with pytest.raises(InputError, match="coverage must be 'k_centre' or 'facility_location'; found 'density'"):
        MixedSelector(coverage="density")
