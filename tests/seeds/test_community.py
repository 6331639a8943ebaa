import anndata as ad
import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.pp import communities
from scgarage.seeds import CommunitySelector, community_scores


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
