"""Seeds that leave no cell far from a seed: farthest-first traversal."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scgarage.seeds.ranked import RankedSelector

__all__ = ["KCentreSelector", "farthest_first"]


def farthest_first(points: NDArray[np.floating[Any]], n: int) -> NDArray[np.float64]:
    """Score cells by a farthest-first traversal, which covers the data within twice the best possible radius.

    The first seed is the cell farthest from the mean; each further one is the cell farthest from all seeds so far, and
    its score is that distance. Cells that are not reached keep their distance to the nearest seed. So scores fall
    along the traversal, and the highest ``m`` are the traversal of length ``m <= n``.

    Parameters
    ----------
    points
        Coordinates, shape ``(n_cells, n_dims)``; distances are Euclidean.
    n
        Seeds to pick, at most ``n_cells``.

    Returns
    -------
    Scores in units of the coordinates, float64, shape ``(n_cells,)``.

    References
    ----------
    Gonzalez, Theoretical Computer Science 1985, doi:10.1016/0304-3975(85)90224-5.

    Examples
    --------
    >>> import numpy as np
    >>> farthest_first(np.array([[0.0], [1.0], [5.0]]), 2).round(1).tolist()
    [5.0, 1.0, 5.0]
    """
    points = np.asarray(points, dtype=np.float64)
    taken = np.zeros(len(points), dtype=bool)
    scores = np.full(len(points), np.inf)
    pick = int(((points - points.mean(axis=0)) ** 2).sum(axis=1).argmax())
    radii, picks = [], []
    for _ in range(n):  # each seed depends on those before it
        radii.append(scores[pick])
        picks.append(pick)
        taken[pick] = True
        np.minimum(scores, ((points - points[pick]) ** 2).sum(axis=1), out=scores)
        pick = int(np.where(taken, -1.0, scores).argmax())
    # The first seed has no seed before it; it goes before the second, whose radius is the largest there is.
    radii[0] = radii[1] if n > 1 else scores.max()
    scores[picks] = radii
    distances: NDArray[np.float64] = np.sqrt(scores)
    distances[picks[0]] = np.nextafter(distances[picks[0]], np.inf)
    return distances


@dataclass(frozen=True)
class KCentreSelector(RankedSelector):
    """Cells far from all other seeds of their type, see :func:`farthest_first`; outlying cells come first.

    Attributes
    ----------
    labels_key, use_rep, power, rare_boost, minimum, rare_fraction, rare_threshold, random_state
        As for every :class:`scgarage.seeds.RankedSelector`.
    """

    def scores(
        self, points: NDArray[np.floating[Any]], groups: NDArray[np.int64], quotas: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the distance to the seeds before, within each group."""
        scores = np.zeros(len(points))
        for group, quota in enumerate(quotas):
            own = groups == group
            scores[own] = farthest_first(points[own], int(quota)) if quota else 0.0
        return scores
