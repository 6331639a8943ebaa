"""Cells in sparse regions first."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from scgarage.errors import InputError
from scgarage.seeds.ranked import RankedSelector

__all__ = ["DensitySelector", "neighbour_distance"]


def neighbour_distance(points: NDArray[np.floating[Any]], n_neighbors: int = 50) -> NDArray[np.float64]:
    """Return the distance of each cell to the last of its nearest other cells, shape ``(n_cells,)``.

    Parameters
    ----------
    points
        Coordinates, shape ``(n_cells, n_dims)``; distances are Euclidean.
    n_neighbors
        Which neighbour; the farthest in data sets that are too small.

    Examples
    --------
    >>> neighbour_distance(np.array([[0.0], [1.0], [5.0]]), 1).tolist()
    [1.0, 1.0, 4.0]
    """
    k = min(n_neighbors, len(points) - 1)
    if not k:
        return np.zeros(len(points))
    return np.asarray(NearestNeighbors(n_neighbors=k).fit(points).kneighbors()[0][:, -1], dtype=np.float64)


@dataclass(frozen=True)
class DensitySelector(RankedSelector):
    """The cells whose neighbours are farthest away, see :func:`neighbour_distance`.

    Attributes
    ----------
    labels_key, use_rep, power, rare_boost, minimum, rare_fraction, rare_threshold, random_state
        As for every :class:`scgarage.seeds.RankedSelector`.
    n_neighbors
        Which neighbour; with fewer than a rare type has cells, the type looks as dense as any.
    """

    n_neighbors: int = 50

    def __post_init__(self) -> None:
        if self.n_neighbors < 1:
            msg = f"n_neighbors must be at least 1; found {self.n_neighbors}"
            raise InputError(msg)

    def scores(
        self,
        points: NDArray[np.floating[Any]],
        groups: NDArray[np.int64],  # noqa: ARG002  (one interface)
        quotas: NDArray[np.int64],  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """Return the distance to the neighbours among all cells, whatever their type."""
        return neighbour_distance(points, self.n_neighbors)
