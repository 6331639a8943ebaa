"""Smoothing over nearest neighbours."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from scgarage.imputers.base import Filled, Imputer, ImputerConfig
from scgarage.imputers.cells import Cells
from scgarage.imputers.neighbours import Neighbourhood, normalise_rows

__all__ = ["KnnConfig", "KnnSmoothing"]


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
