"""Diffusion over the neighbour graph, after MAGIC."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from scgarage.imputers.base import Filled, Imputer, ImputerConfig
from scgarage.imputers.cells import Cells
from scgarage.imputers.neighbours import Neighbourhood, normalise_rows

__all__ = ["Diffusion", "DiffusionConfig"]


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
