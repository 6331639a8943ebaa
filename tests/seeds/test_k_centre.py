import numpy as np
import pytest
from scipy.spatial.distance import cdist

from scgarage.errors import InputError
from scgarage.seeds import KCentreSelector, farthest_first


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(0).normal(size=(80, 4))


def by_definition(points, n):
    """Farthest-first traversal on the matrix of all distances."""
    distances = cdist(points, points)
    picks = [int(np.linalg.norm(points - points.mean(axis=0), axis=1).argmax())]
    while len(picks) < n:
        picks.append(int(distances[:, picks].min(axis=1).argmax()))
    return picks, distances[:, picks].min(axis=1)


@pytest.mark.parametrize("n", [1, 2, 15, 80])
def test_traversal_is_the_one_of_the_definition(points, n):
    picks, left = by_definition(points, n)
    scores = farthest_first(points, n)
    assert np.argsort(-scores)[:n].tolist() == picks
    others = np.setdiff1d(np.arange(80), picks)
    np.testing.assert_allclose(scores[others], left[others])


def test_fewer_seeds_are_the_first_of_more(points):
    few, many = (np.argsort(-farthest_first(points, n)) for n in (10, 40))
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


def test_order_and_place_of_the_cells_are_irrelevant_and_scale_is_that_of_the_scores(points):
    order = np.random.default_rng(2).permutation(80)
    np.testing.assert_allclose(farthest_first(points[order], 20), farthest_first(points, 20)[order])
    np.testing.assert_allclose(farthest_first(3 * points + 5, 20), 3 * farthest_first(points, 20))


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
