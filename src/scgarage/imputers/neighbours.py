"""Cells and their neighbours among the cells of a fit, as sparse row-stochastic matrices."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import sparse

from scgarage.preprocess import Components

__all__ = ["Neighbourhood", "normalise_rows"]


@dataclass(frozen=True)
class Neighbourhood:
    """The cells of a fit in their principal components, ready to be searched.

    Attributes
    ----------
    components
        Principal components of the cells.
    search
        A fitted ``sklearn.neighbors.NearestNeighbors``.
    n_neighbors
        Neighbours of each cell; a cell of the fit is its own nearest neighbour.
    """

    components: Components
    search: Any
    n_neighbors: int

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

        Parameters
        ----------
        log_expr
            log1p CP10k, CSR ``(n_cells, n_genes)``.
        bandwidth_neighbor
            The neighbour, itself counted, whose distance is the bandwidth of a cell; ``None`` for equal weights.

        Returns
        -------
        CSR ``(n_cells, n_fit_cells)``, ``n_neighbors`` entries in each row, not normalised.
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
