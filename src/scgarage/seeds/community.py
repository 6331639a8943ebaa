"""Cells of small communities first: rarity that needs no labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scgarage.preprocess import communities
from scgarage.seeds.ranked import RankedSelector

__all__ = ["RESOLUTIONS", "CommunitySelector", "community_scores"]

RESOLUTIONS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Leiden resolutions, from communities larger than types to parts of types."""


def community_scores(
    points: NDArray[np.floating[Any]],
    *,
    resolutions: Sequence[float] = RESOLUTIONS,
    n_neighbors: int = 15,
    random_state: int = 0,
) -> NDArray[np.float64]:
    r"""Score cells by how small their communities are.

    .. math:: s_i = -\frac{1}{R} \sum_{r=1}^{R} \log n_r(i)

    with the size :math:`n_r(i)` of the community that holds cell :math:`i` at resolution :math:`r`. A rare type that is
    a community of its own at a coarse resolution stays one at all finer ones; a part of an abundant type is small at
    fine resolutions only.

    Parameters
    ----------
    points
        Coordinates, shape ``(n_cells, n_dims)``.
    resolutions
        Leiden resolutions.
    n_neighbors
        Neighbours of a cell in the graph, itself included.
    random_state
        Seed.

    Returns
    -------
    Scores, float64, shape ``(n_cells,)``, at most 0.

    Raises
    ------
    InputError
        When there are fewer than three cells, or a resolution is not above 0.
    """
    found = communities(points, resolutions, n_neighbors=n_neighbors, random_state=random_state)
    sizes = np.stack([np.bincount(numbers)[numbers] for numbers in found])
    return np.asarray(-np.log(sizes).mean(axis=0), dtype=np.float64)


@dataclass(frozen=True)
class CommunitySelector(RankedSelector):
    """The cells of the smallest communities, see :func:`community_scores`.

    Attributes
    ----------
    labels_key, use_rep, power, rare_boost, minimum, rare_fraction, rare_threshold, random_state
        As for every :class:`scgarage.seeds.RankedSelector`.
    resolutions
        Leiden resolutions (measured, docs/research/log.md).
    n_neighbors
        Neighbours of a cell in the graph, itself included.
    """

    resolutions: tuple[float, ...] = RESOLUTIONS
    n_neighbors: int = 15

    def scores(
        self,
        points: NDArray[np.floating[Any]],
        groups: NDArray[np.int64],  # noqa: ARG002  (one interface)
        quotas: NDArray[np.int64],  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """Return minus the mean log community size among all cells, whatever their type."""
        return community_scores(
            points, resolutions=self.resolutions, n_neighbors=self.n_neighbors, random_state=self.random_state
        )
