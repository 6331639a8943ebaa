"""Selectors by geometry alone; measured as no better than random ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.pp import communities
from scgarage.seeds.selectors import RankedSelector

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
    from sklearn.neighbors import NearestNeighbors

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


def similarities(points: NDArray[np.floating[Any]], n_neighbors: int = 15) -> sparse.csr_matrix:
    r"""Return similarities of near cells, :math:`s_{ij} = \exp(-d_{ij}^2 / \sigma^2)`, 0 for all others.

    Parameters
    ----------
    points
        Coordinates, shape ``(n_cells, n_dims)``; distances are Euclidean.
    n_neighbors
        Two cells are near when one is among the nearest of the other; :math:`\sigma` is the median distance to the last
        of these.

    Returns
    -------
    Symmetric CSR matrix with ones on the diagonal, shape ``(n_cells, n_cells)``.
    """
    from sklearn.neighbors import NearestNeighbors

    n_cells, k = len(points), min(n_neighbors, len(points) - 1)
    if not k:
        return sparse.csr_matrix(np.ones((n_cells, n_cells)))
    distances, near = NearestNeighbors(n_neighbors=k).fit(points).kneighbors()
    scale = np.median(distances[:, -1]) or 1.0
    values = np.exp(-((distances / scale) ** 2)).ravel()
    graph = sparse.csr_matrix((values, (np.repeat(np.arange(n_cells), k), near.ravel())), shape=(n_cells, n_cells))
    return sparse.csr_matrix(graph.maximum(graph.T).maximum(sparse.eye_array(n_cells)))


def facility_location(similarity: sparse.csr_matrix, n: int) -> NDArray[np.float64]:
    r"""Score cells by greedy maximisation of how well seeds stand for all cells.

    .. math:: F(S) = \sum_i \max_{j \in S} s_{ij}

    The score of a seed is by how much it raised :math:`F` when it was picked, that of any other cell by how much it
    would raise it at the end. Gains are kept up to date for the neighbours of the new seed's neighbours alone, so
    nothing of size ``(n_cells, n_cells)`` is made. The greedy choice reaches at least 63 % of the best possible
    :math:`F`; the scores of the first ``m`` seeds do not depend on ``n``.

    Parameters
    ----------
    similarity
        Symmetric, values in [0, 1], shape ``(n_cells, n_cells)``.
    n
        Seeds to pick, at most ``n_cells``.

    Returns
    -------
    Scores, float64, shape ``(n_cells,)``, falling along the seeds.

    References
    ----------
    Nemhauser et al., Mathematical Programming 1978, doi:10.1007/BF01588971.

    Examples
    --------
    >>> points = np.array([[0.0], [1.0], [2.0], [9.0], [9.5]])
    >>> facility_location(similarities(points, 1), 2).round(2).tolist()
    [0.63, 1.74, 0.63, 1.78, 0.22]
    """
    n_cells = similarity.shape[0]
    gains = np.asarray(similarity.sum(axis=0), dtype=np.float64).ravel()
    best, taken = np.zeros(n_cells), np.zeros(n_cells, dtype=bool)
    picks, raised = np.empty(n, dtype=np.int64), np.empty(n)
    for step in range(n):  # each seed depends on those before it
        pick = int(np.where(taken, -np.inf, gains).argmax())
        picks[step], raised[step], taken[pick] = pick, gains[pick], True
        near = similarity[[pick]]
        better = near.data > best[near.indices]
        cells, after = near.indices[better], near.data[better]
        block = similarity[cells]
        lengths = np.diff(block.indptr)
        lost = np.maximum(block.data - np.repeat(best[cells], lengths), 0.0)
        lost -= np.maximum(block.data - np.repeat(after, lengths), 0.0)
        np.subtract.at(gains, block.indices, lost)
        best[cells] = after
    raised = np.minimum.accumulate(raised)  # rounding alone may break the order
    scores = np.clip(gains, 0.0, raised[-1])
    scores[picks] = raised
    return scores


@dataclass(frozen=True)
class FacilityLocationSelector(RankedSelector):
    """Cells that stand for many others of their type, see :func:`facility_location`; central cells come first.

    Attributes
    ----------
    labels_key, use_rep, power, rare_boost, minimum, rare_fraction, rare_threshold, random_state
        As for every :class:`scgarage.seeds.RankedSelector`.
    n_neighbors
        Neighbours of a cell, see :func:`similarities`.
    """

    n_neighbors: int = 15

    def scores(
        self, points: NDArray[np.floating[Any]], groups: NDArray[np.int64], quotas: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return what each seed adds, within each group."""
        scores = np.zeros(len(points))
        for group, quota in enumerate(quotas):
            own = groups == group
            near = similarities(points[own], self.n_neighbors)
            scores[own] = facility_location(near, int(quota)) if quota else 0.0
        return scores


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
