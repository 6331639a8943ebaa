"""Each comparator against an independent computation."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from scgarage.errors import InputError
from scgarage.imputation.base import Cells
from scgarage.imputation.began_networks import partition_genes
from scgarage.imputation.smoothing import Diffusion, KnnSmoothing, LowRank, Neighbourhood, choose_rank, normalise_rows


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    profiles = rng.gamma(1.0, 1.0, size=(3, 40))
    values = rng.poisson(profiles[rng.integers(3, size=60)]).astype(np.float32)
    return Cells(sparse.csr_matrix(np.log1p(values)), None, None, "log-normalised")


def test_knn_is_the_mean_of_the_nearest_cells(cells):
    model = KnnSmoothing(n_neighbors=4, n_components=39)  # all components: distances are those of the data
    model.learn(cells)
    dense = cells.log_expr.toarray()
    nearest = NearestNeighbors(n_neighbors=4).fit(dense).kneighbors(dense, return_distance=False)
    np.testing.assert_allclose(model.fill(cells).mean, dense[nearest].mean(axis=1), atol=1e-5)


def test_one_neighbour_is_no_smoothing(cells):
    model = KnnSmoothing(n_neighbors=1)
    model.learn(cells)
    np.testing.assert_allclose(model.fill(cells).mean, cells.log_expr.toarray(), atol=1e-6)


def test_diffusion_is_the_product_of_matrix_powers(cells):
    model = Diffusion(n_neighbors=6, bandwidth_neighbor=3, n_steps=3)
    model.learn(cells)
    weights = model._near.weights(cells.log_expr, bandwidth_neighbor=3).toarray()
    both = weights + weights.T
    power = np.linalg.matrix_power(both / both.sum(axis=1, keepdims=True), 2)
    first = weights / weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.fill(cells).mean, first @ power @ cells.log_expr.toarray(), atol=1e-5)


def test_kernel_has_its_value_at_the_bandwidth(cells):
    near = Neighbourhood.fit(cells.log_expr, n_neighbors=6, n_components=10, random_state=0)
    weights = np.sort(near.weights(cells.log_expr, bandwidth_neighbor=3).toarray(), axis=1)[:, ::-1]
    np.testing.assert_allclose(weights[:, 0], 1)  # the cell itself
    np.testing.assert_allclose(weights[:, 2], np.exp(-1), rtol=1e-5)
    np.testing.assert_allclose(normalise_rows(sparse.csr_matrix(weights)).sum(axis=1), 1)


def test_low_rank_matrix_is_its_own_approximation():
    rng = np.random.default_rng(1)
    values = rng.gamma(2.0, 1.0, size=(50, 2)) @ rng.gamma(2.0, 1.0, size=(2, 30))
    cells = Cells(sparse.csr_matrix(values.astype(np.float32)), None, None, "log-normalised")
    model = LowRank(rank=2, quantile=0.0)
    model.learn(cells)
    above = values > values.min(axis=0)  # the threshold is the size of the smallest value, which is no noise here
    np.testing.assert_allclose(model.fill(cells).mean[above], values[above], rtol=0.2)


def test_low_rank_keeps_genes_at_zero_where_they_are_not_expressed():
    rng = np.random.default_rng(2)
    mean = np.zeros((2, 60))  # genes 0-39 in the first type, 20-59 in the second
    mean[0, :40], mean[1, 20:] = 3.0, 3.0
    types = np.repeat([0, 1], 100)
    values = rng.poisson(mean[types]).astype(np.float32)
    cells = Cells(sparse.csr_matrix(np.log1p(values)), None, None, "log-normalised")
    model = LowRank(rank=2)
    model.learn(cells)
    made = model.fill(cells).mean
    assert (made[:100, 40:] > 0).mean() < 0.02
    assert (made[:100, :40] > 0).mean() > 0.98


def test_rank_is_the_last_gap_that_stands_out():
    noise = np.linspace(5.0, 4.0, 60) + 1e-3 * np.sin(np.arange(60))
    assert choose_rank(np.concatenate([[40.0, 30.0, 20.0], noise])) == 3
    assert choose_rank(noise) == 1
    assert choose_rank(np.array([3.0])) == 1


def test_partition_covers_every_gene_once():
    parts = partition_genes(101, 20, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(101))
    assert {len(part) for part in parts} <= {16, 17}
    other = partition_genes(101, 20, np.random.default_rng(1))
    assert any((a != b).any() for a, b in zip(parts, other, strict=True) if len(a) == len(b))
    assert [part.tolist() for part in partition_genes(3, None, np.random.default_rng(0))] == [[0, 1, 2]]
    with pytest.raises(InputError, match="subset_size must be at least 2"):
        partition_genes(5, 1, np.random.default_rng(0))
