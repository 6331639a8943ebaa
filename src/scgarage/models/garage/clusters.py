"""Clusters that stand in for cell types when there are no labels."""

import warnings

import anndata as ad
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.preprocess import Components

__all__ = ["cluster"]

SMALLEST = 3
"""Clusters with fewer cells join the one their cells lie nearest to."""


def cluster(log_expr: sparse.csr_matrix, *, resolution: float, random_state: int) -> NDArray[np.int64]:
    """Return Leiden clusters of cells, fine enough that rare types have their own.

    A second round balances: the components are fitted anew with every cluster counting the same, so that the axes that
    tell a small cluster apart are among them.

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
    first = _leiden(points, resolution, random_state).astype(str)
    points = Components.fit(log_expr, 50, labels=first, random_state=random_state).transform(log_expr)
    return _without_small(points, _leiden(points, resolution, random_state))


def _leiden(points: NDArray[np.float32], resolution: float, random_state: int) -> NDArray[np.int64]:
    import scanpy as sc

    cells = ad.AnnData(obsm={"X": points}, shape=(len(points), 0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        sc.pp.neighbors(cells, use_rep="X", n_neighbors=min(15, len(points) - 1), random_state=random_state)
        sc.tl.leiden(
            cells,
            resolution=resolution,
            flavor="igraph",
            n_iterations=2,
            directed=False,
            random_state=random_state,
        )
    return np.asarray(cells.obs["leiden"].astype(int), dtype=np.int64)


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
