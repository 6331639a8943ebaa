import numpy as np
import pytest
from scipy import sparse

from scgarage.errors import InputError
from scgarage.imputation import cluster_agreement, matched_clusters
from scgarage.imputation.base import neighbour_adjacency


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    types = np.repeat(["a", "b", "c", "d"], 40)
    centres = 8 * rng.normal(size=(4, 20))
    return centres[np.repeat(np.arange(4), 40)] + rng.normal(size=(160, 20)), types


def test_separate_types_are_found(blobs):
    points, types = blobs
    assert len(np.unique(matched_clusters(neighbour_adjacency(points), 4))) == 4
    assert cluster_agreement(points, types) == pytest.approx(1)


def test_names_and_order_of_cells_do_not_matter(blobs):
    points, types = blobs
    order = np.random.default_rng(1).permutation(160)
    renamed = np.char.add("x", types)[order]
    assert cluster_agreement(points[order], renamed) == pytest.approx(cluster_agreement(points, types))


def test_shuffled_types_agree_by_chance_only(blobs):
    points, types = blobs
    assert abs(cluster_agreement(points, np.random.default_rng(2).permutation(types))) < 0.05


def test_cells_that_are_all_the_same_agree_by_chance():
    types = np.repeat(["a", "b"], 15)
    assert cluster_agreement(np.ones((30, 5)), types) == 0
    assert cluster_agreement(sparse.csr_matrix(np.ones((30, 5))), types) == 0


def test_cells_without_enough_genes_are_refused():
    with pytest.raises(InputError, match="at least 3 cells, 2 genes"):
        cluster_agreement(np.arange(30.0)[:, None], np.repeat(["a", "b"], 15))
