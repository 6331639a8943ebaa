"""Half of the seeds from small communities, half to cover the data."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.seeds.community import RESOLUTIONS, community_scores
from scgarage.seeds.facility_location import facility_location, similarities
from scgarage.seeds.k_centre import farthest_first
from scgarage.seeds.ranked import RankedSelector

__all__ = ["MixedSelector", "take_turns"]


def take_turns(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Merge two scores into one: the best by the first, the best by the second, the next by the first, and so on.

    A cell counts at its earlier turn. Equal values of one score are ordered by the other.

    Parameters
    ----------
    first, second
        Scores, shape ``(n_cells,)``.

    Returns
    -------
    Scores in (0, 1], float64, shape ``(n_cells,)``, all different.

    Examples
    --------
    >>> take_turns(np.array([3.0, 2.0, 1.0, 0.0]), np.array([0.0, 1.0, 2.0, 3.0])).tolist()
    [1.0, 0.5, 0.25, 0.75]
    """
    n_cells = len(first)
    place = np.arange(n_cells)
    turn = np.empty((2, n_cells))
    turn[0, np.lexsort((-second, -first))] = 2 * place
    turn[1, np.lexsort((-first, -second))] = 2 * place + 1
    scores = np.empty(n_cells)
    scores[np.argsort(turn.min(axis=0), kind="stable")] = 1 - place / n_cells
    return scores


@dataclass(frozen=True)
class MixedSelector(RankedSelector):
    """Cells of small communities and cells that cover the data, in turns.

    Small communities find many of the rare cells and miss some types altogether; coverage takes few cells of each type
    and misses hardly any (docs/research/log.md).

    Attributes
    ----------
    labels_key, use_rep, power, rare_boost, minimum, rare_fraction, rare_threshold, random_state
        As for every :class:`scgarage.seeds.RankedSelector`.
    coverage
        ``"k_centre"`` (:func:`scgarage.seeds.farthest_first`) or ``"facility_location"``.
    resolutions, n_neighbors
        Leiden resolutions, and neighbours in the graphs.

    Raises
    ------
    InputError
        For another ``coverage``.
    """

    coverage: Literal["k_centre", "facility_location"] = "k_centre"
    resolutions: tuple[float, ...] = RESOLUTIONS
    n_neighbors: int = 15

    def __post_init__(self) -> None:
        if self.coverage not in ("k_centre", "facility_location"):
            msg = f"coverage must be 'k_centre' or 'facility_location'; found {self.coverage!r}"
            raise InputError(msg)

    def scores(
        self, points: NDArray[np.floating[Any]], groups: NDArray[np.int64], quotas: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the turn of each cell within its group, early turns near 1."""
        small = community_scores(
            points, resolutions=self.resolutions, n_neighbors=self.n_neighbors, random_state=self.random_state
        )
        scores = np.zeros(len(points))
        for group, quota in enumerate(quotas):
            own = groups == group
            if quota:
                scores[own] = take_turns(small[own], self._covering(points[own], int(quota)))
        return scores

    def _covering(self, points: NDArray[np.floating[Any]], n: int) -> NDArray[np.float64]:
        if self.coverage == "k_centre":
            return farthest_first(points, n)
        return facility_location(similarities(points, self.n_neighbors), n)
