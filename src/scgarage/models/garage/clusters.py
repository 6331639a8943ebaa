"""Clusters that stand in for cell types when there are no labels."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from scgarage.preprocess import Components, communities

__all__ = ["cluster", "islands"]

SMALLEST = 3
"""Clusters with fewer cells join the one their cells lie nearest to."""

FINER = (2.0, 4.0)
"""Multiples of the resolution at which islands are looked for."""

CLOSED = 0.7
"""Share of its cells' neighbours that an island holds itself (measured: 0.8 finds fewer rare types, 0.6 cuts more
of the abundant ones)."""

N_NEAREST = 14
"""Neighbours that are looked at."""


def cluster(log_expr: sparse.csr_matrix, *, resolution: float, random_state: int) -> NDArray[np.int64]:
    """Return Leiden clusters of cells, and islands within them, so that rare types have their own.

    A community of a finer resolution is an island when its cells have most of their neighbours in it. A rare type often
    is one, a slice of an abundant type is not, so that rare types need no resolution at which abundant ones fall apart.

    Ordinary components are better here than components in which every cluster counts the same: these follow the noise
    of small clusters (measured, docs/research/log.md).

    Parameters
    ----------
    log_expr
        log1p CP10k of the selected genes, (n_cells, n_genes).
    resolution
        Leiden resolution; higher gives more clusters.
    random_state
        Seed.
    """
    points = Components.fit(log_expr, 50, random_state=random_state).transform(log_expr)
    coarse, *finer = communities(
        points, (resolution, *(times * resolution for times in FINER)), random_state=random_state
    )
    near = _nearest(points)
    for candidates in finer:
        coarse = _with_islands(coarse, candidates, near)
    return _without_small(points, np.unique(coarse, return_inverse=True)[1])


def islands(points: NDArray[np.float32], resolution: float, *, random_state: int) -> NDArray[np.int64]:
    """Return the number of the island that each cell lies on, (n_cells,); 0 for those that lie on none.

    Parameters
    ----------
    points
        Cells, (n_cells, n_components).
    resolution
        Leiden resolution; its multiples :data:`FINER` are looked at too.
    random_state
        Seed.
    """
    near, found = _nearest(points), np.zeros(len(points), dtype=np.int64)
    resolutions = (resolution, *(times * resolution for times in FINER))
    for candidates in communities(points, resolutions, random_state=random_state):
        found = _with_islands(found, candidates, near)
    return found


def _nearest(points: NDArray[np.float32]) -> NDArray[np.int64]:
    near: NDArray[np.int64] = (
        NearestNeighbors(n_neighbors=min(N_NEAREST, len(points) - 1)).fit(points).kneighbors(return_distance=False)
    )
    return near


def _with_islands(
    labels: NDArray[np.int64], candidates: NDArray[np.int64], near: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give the candidates that are islands numbers of their own."""
    sizes = np.bincount(candidates)
    # A community smaller than the neighbourhood cannot fill it.
    looked_at = np.arange(near.shape[1]) < (sizes[candidates] - 1)[:, None]
    inside = ((candidates[near] == candidates[:, None]) & looked_at).sum(axis=1) / np.maximum(looked_at.sum(axis=1), 1)
    closed = np.bincount(candidates, weights=inside) / np.maximum(sizes, 1)
    island = (sizes >= SMALLEST) & (closed >= CLOSED)
    return np.where(island[candidates], labels.max() + 1 + candidates, labels)


def _without_small(points: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    sizes = np.bincount(labels)
    large = np.flatnonzero(sizes >= SMALLEST)
    if not len(large):
        return np.zeros(len(labels), dtype=np.int64)
    centres = np.stack([points[labels == number].mean(axis=0) for number in large])
    lost = sizes[labels] < SMALLEST
    nearest = ((points[lost, None, :] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    result = np.searchsorted(large, labels)
    result[lost] = nearest
    return result
