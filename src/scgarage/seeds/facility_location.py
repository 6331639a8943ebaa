"""Seeds that stand for the cells around them: facility location on the neighbour graph."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from scgarage.seeds.ranked import RankedSelector

__all__ = ["FacilityLocationSelector", "facility_location", "similarities"]


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
