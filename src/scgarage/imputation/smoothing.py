"""Imputers without networks: none, knn, magic, alra."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.imputation.base import Cells, Filled, Imputer, ImputerConfig
from scgarage.pp import Components


class NoImputation(Imputer):
    """Leave the cells as they are: log1p CP10k of what was observed."""

    name: ClassVar[str] = "none"

    def learn(self, cells: Cells) -> dict[str, Any]:  # noqa: ARG002  (there is nothing to learn)
        """Learn nothing."""
        return {}

    def fill(self, cells: Cells) -> Filled:
        """Return what was observed."""
        return Filled(cells.log_expr.toarray())


@dataclass(frozen=True)
class Neighbourhood:
    """The cells of a fit in their principal components, ready to be searched."""

    components: Components  # principal components of the cells
    search: Any  # a fitted sklearn.neighbors.NearestNeighbors
    n_neighbors: int  # neighbours of each cell; a cell of the fit is its own nearest neighbour

    @classmethod
    def fit(cls, log_expr: sparse.csr_matrix, *, n_neighbors: int, n_components: int, random_state: int) -> Self:
        """Fit components and search; small data sets get fewer of both."""
        from sklearn.neighbors import NearestNeighbors

        components = Components.fit(log_expr, min(n_components, min(log_expr.shape) - 1), random_state=random_state)
        n_neighbors = min(n_neighbors, log_expr.shape[0])
        search = NearestNeighbors(n_neighbors=n_neighbors).fit(components.transform(log_expr))
        return cls(components, search, n_neighbors)

    def weights(self, log_expr: sparse.csr_matrix, *, bandwidth_neighbor: int | None = None) -> sparse.csr_matrix:
        r"""Return how much each cell of the fit says about each of these cells.

        .. math:: w_{ij} = \exp\left(-d_{ij}^2 / \sigma_i^2\right), \qquad \sigma_i = d_{i, (k_a)}

        for the nearest cells j, or 1 for each of them when there is no bandwidth.
        """
        distances, indices = self.search.kneighbors(self.components.transform(log_expr))
        data = np.ones_like(distances)
        if bandwidth_neighbor is not None:
            sigma = distances[:, [min(bandwidth_neighbor, self.n_neighbors) - 1]]
            data = np.exp(-np.square(distances / np.maximum(sigma, np.finfo(np.float32).tiny)))
        starts = np.arange(len(indices) + 1) * self.n_neighbors
        shape = (len(indices), int(self.search.n_samples_fit_))
        return sparse.csr_matrix((data.ravel(), indices.ravel(), starts), shape=shape)


def normalise_rows(weights: sparse.csr_matrix) -> sparse.csr_matrix:
    """Divide each row by its sum."""
    sums = np.asarray(weights.sum(axis=1), dtype=np.float64).ravel()
    return sparse.csr_matrix(sparse.diags_array(1 / sums) @ weights)


@dataclass(frozen=True)
class KnnConfig(ImputerConfig):
    """Settings of :class:`KnnSmoothing`.

    Attributes
    ----------
    n_neighbors
        Cells to average over, the cell itself counted (15: scanpy's default).
    n_components
        Principal components that say which cells are near.
    """

    n_neighbors: int = 15
    n_components: int = 30


class KnnSmoothing(Imputer):
    r"""Mean of log1p CP10k over the nearest cells.

    .. math:: \hat x_i = \frac1k \sum_{j \in N_k(i)} x_j

    The neighbours are sought in the principal components of the cells of the fit; a cell of the fit is one of its own.

    References
    ----------
    Wagner et al., K-nearest neighbor smoothing for high-throughput single-cell RNA-Seq data, 2018, doi:10.1101/217737
    (the idea; theirs adds up counts in steps).
    """

    name: ClassVar[str] = "knn"
    Config: ClassVar[type[Any]] = KnnConfig

    def learn(self, cells: Cells) -> dict[str, Any]:
        """Keep the cells and their components."""
        c = self.config
        self._near = Neighbourhood.fit(
            cells.log_expr, n_neighbors=c.n_neighbors, n_components=c.n_components, random_state=c.random_state
        )
        self._cells = cells.log_expr
        return {}

    def fill(self, cells: Cells) -> Filled:
        """Average over neighbours."""
        weights = normalise_rows(self._near.weights(cells.log_expr))
        return Filled(np.asarray((weights @ self._cells).toarray(), dtype=np.float32))


@dataclass(frozen=True)
class DiffusionConfig(ImputerConfig):
    """Settings of :class:`Diffusion`.

    Attributes
    ----------
    n_neighbors
        Neighbours of each cell in the graph, itself counted.
    bandwidth_neighbor
        The neighbour whose distance is the bandwidth of a cell's kernel.
    n_steps
        Diffusion steps t (MAGIC's default is 3).
    n_components
        Principal components that distances are measured in (MAGIC: 100; fewer keep more noise out).
    """

    n_neighbors: int = 15
    bandwidth_neighbor: int = 5
    n_steps: int = 3
    n_components: int = 30


class Diffusion(Imputer):
    r"""Expression diffused over the neighbour graph.

    .. math:: \hat X = P_q P^{t-1} X, \qquad P = D^{-1} (W + W^T), \qquad w_{ij} = e^{-d_{ij}^2 / \sigma_i^2}

    where :math:`P_q` holds the row-normalised weights between the cells asked for and those of the fit. A small
    implementation of the idea of MAGIC, not MAGIC itself: no decay parameter, log1p in place of the square root. Only
    products of a sparse matrix and the cells are made, never a matrix power.

    References
    ----------
    van Dijk et al., Recovering gene interactions from single-cell data using data diffusion, Cell 2018,
    doi:10.1016/j.cell.2018.05.061.
    """

    name: ClassVar[str] = "magic"
    Config: ClassVar[type[Any]] = DiffusionConfig

    def learn(self, cells: Cells) -> dict[str, Any]:
        """Diffuse the cells of the fit by all steps but the last."""
        c = self.config
        self._near = Neighbourhood.fit(
            cells.log_expr, n_neighbors=c.n_neighbors, n_components=c.n_components, random_state=c.random_state
        )
        weights = self._near.weights(cells.log_expr, bandwidth_neighbor=c.bandwidth_neighbor)
        step = normalise_rows((weights + weights.T).tocsr())
        self._diffused = cells.log_expr.toarray()
        for _ in range(c.n_steps - 1):
            self._diffused = np.asarray(step @ self._diffused, dtype=np.float32)
        return {}

    def fill(self, cells: Cells) -> Filled:
        """Take the last step, from these cells to those of the fit."""
        weights = self._near.weights(cells.log_expr, bandwidth_neighbor=self.config.bandwidth_neighbor)
        return Filled(np.asarray(normalise_rows(weights) @ self._diffused, dtype=np.float32))


@dataclass(frozen=True)
class LowRankConfig(ImputerConfig):
    """Settings of :class:`LowRank`.

    Attributes
    ----------
    rank
        Rank of the approximation; chosen from the singular values when ``None``.
    n_singular_values
        Singular values to choose the rank from (ALRA: 100).
    quantile
        Quantile of a gene's approximated values whose size is the threshold below which they are zero (ALRA: 0.001).
    """

    rank: int | None = None
    n_singular_values: int = 100
    quantile: float = 0.001


def choose_rank(singular_values: NDArray[np.floating], *, n_noise: int = 20, n_sd: float = 6.0) -> int:
    r"""Return the last gap between singular values that noise does not explain.

    The gaps :math:`s_i - s_{i+1}` of the last ``n_noise`` values are taken for noise; the rank is the largest i whose
    gap exceeds their mean by ``n_sd`` standard deviations.

    References
    ----------
    Linderman et al., Zero-preserving imputation of single-cell RNA-seq data, Nature Communications 2022,
    doi:10.1038/s41467-021-27729-z.

    Examples
    --------
    >>> choose_rank(np.array([90.0, 80.0, 9.0, 8.9, 8.81, 8.7, 8.6, 8.49, 8.4]))
    2
    """
    gaps = -np.diff(singular_values)
    noise = gaps[-min(n_noise, max(1, len(gaps) // 2)) :]
    signal = np.flatnonzero(gaps > noise.mean() + n_sd * noise.std()) if len(gaps) else np.empty(0, dtype=np.int64)
    return int(signal[-1]) + 1 if len(signal) else 1


class LowRank(Imputer):
    """Low-rank approximation of log1p CP10k in which genes that a cell does not express stay zero.

    The approximation is symmetric round zero where nothing is expressed, so the size of a gene's most negative values
    is a threshold: what lies below it becomes zero. What remains is scaled to the mean and the standard deviation of
    the gene's observed values. Thresholds, means and axes are those of the cells of the fit.

    References
    ----------
    Linderman et al., Zero-preserving imputation of single-cell RNA-seq data, Nature Communications 2022,
    doi:10.1038/s41467-021-27729-z.
    """

    name: ClassVar[str] = "alra"
    Config: ClassVar[type[Any]] = LowRankConfig

    def learn(self, cells: Cells) -> dict[str, Any]:
        """Find the axes, and threshold and scale of each gene."""
        from scipy.sparse.linalg import svds

        c, values = self.config, cells.log_expr.astype(np.float64)
        smallest = min(values.shape)
        start = np.random.default_rng(c.random_state).normal(size=smallest)
        _, strength, axes = svds(values, k=min(c.n_singular_values, smallest - 1), v0=start)
        order = np.argsort(-strength)
        rank = c.rank or choose_rank(strength[order])
        self._axes = axes[order[:rank]]
        approximation = self._approximate(cells.log_expr)
        self._threshold = np.abs(np.quantile(approximation, c.quantile, axis=0))
        kept = np.where(approximation > self._threshold, approximation, np.nan)
        mean, sd = _moments(kept)
        observed_mean, observed_sd = _moments_of_stored(cells.log_expr)
        usable = (sd > 0) & (observed_sd > 0)
        self._slope = np.where(usable, observed_sd / np.where(usable, sd, 1), 1.0)
        self._shift = np.where(usable, observed_mean - mean * self._slope, 0.0)
        return {"rank": int(rank)}

    def _approximate(self, log_expr: sparse.csr_matrix) -> NDArray[np.float64]:
        return np.asarray((log_expr @ self._axes.T) @ self._axes)

    def fill(self, cells: Cells) -> Filled:
        """Project, cut, scale."""
        values = self._approximate(cells.log_expr)
        scaled = np.where(values > self._threshold, values * self._slope + self._shift, 0.0)
        return Filled(np.maximum(scaled, 0.0).astype(np.float32))


def _moments(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each column without NaN; 0 where there is nothing."""
    here = ~np.isnan(values)
    n_here = np.maximum(here.sum(axis=0), 1)
    mean = np.where(here, values, 0.0).sum(axis=0) / n_here
    sd = np.sqrt(np.where(here, np.square(values - mean), 0.0).sum(axis=0) / n_here)
    return mean, sd


def _moments_of_stored(values: sparse.csr_matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each column's non-zero entries."""
    n_genes, data = values.shape[1], values.data.astype(np.float64)
    n_stored = np.maximum(np.bincount(values.indices, minlength=n_genes), 1)
    mean = np.bincount(values.indices, weights=data, minlength=n_genes) / n_stored
    squares = np.square(data - mean[values.indices])
    return mean, np.sqrt(np.bincount(values.indices, weights=squares, minlength=n_genes) / n_stored)
