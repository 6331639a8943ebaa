"""Leiden clusters at many resolutions of one neighbour graph."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.metrics import pairwise_distances, silhouette_score

from scgarage.errors import InputError

__all__ = ["RESOLUTIONS", "silhouettes", "sweep_leiden"]

RESOLUTIONS = tuple(float(value) for value in np.round(np.geomspace(0.05, 4.0, 24), 3))
"""Resolutions of the sweep: from one or two clusters to dozens, each 1.2 times the last."""

SILHOUETTE_CELLS = 1_000
"""Cells among which silhouettes are computed at most."""


def sweep_leiden(
    points: NDArray[np.floating[Any]],
    *,
    resolutions: Sequence[float] = RESOLUTIONS,
    n_neighbors: int = 15,
    metric: Literal["euclidean", "cosine"] = "euclidean",
    n_iterations: int = 2,
    random_state: int = 0,
) -> NDArray[np.intp]:
    """Cluster cells by the Leiden algorithm on scanpy's neighbour graph, which is made once.

    Parameters
    ----------
    points
        Coordinates, such as principal components, (n_cells, n_dims).
    resolutions
        Resolutions of the modularity, > 0, (n_resolutions,).
    n_neighbors
        Neighbours of a cell, itself included; fewer where there are fewer cells.
    metric
        Distance between cells.
    n_iterations
        Iterations of the algorithm; -1 until nothing changes.
    random_state
        Seed.

    Returns
    -------
    numpy.ndarray
        Number of the cluster of each cell at each resolution, (n_resolutions, n_cells).

    Raises
    ------
    InputError
        If there are fewer than three cells, or no resolutions or one that is not above 0.

    References
    ----------
    Traag et al., Scientific Reports 2019, doi:10.1038/s41598-019-41695-z.
    """
    _check(points, resolutions)
    import scanpy as sc

    table = ad.AnnData(np.asarray(points, dtype=np.float32))
    n_neighbors = min(n_neighbors, len(points) - 1)
    with warnings.catch_warnings():
        # Cells at the same place make scanpy change a sparse matrix of distances, which clusters never use.
        warnings.simplefilter("ignore", category=sparse.SparseEfficiencyWarning)
        sc.pp.neighbors(table, n_neighbors=n_neighbors, use_rep="X", metric=metric, random_state=random_state)
    clusters = np.empty((len(resolutions), len(points)), dtype=np.intp)
    for row, resolution in enumerate(resolutions):
        sc.tl.leiden(
            table,
            resolution=resolution,
            flavor="igraph",
            n_iterations=n_iterations,
            directed=False,
            random_state=random_state,
        )
        clusters[row] = table.obs["leiden"].to_numpy().astype(np.intp)
    return clusters


def silhouettes(
    points: NDArray[np.floating[Any]], clusters: NDArray[np.intp], *, random_state: int = 0
) -> NDArray[np.float64]:
    r"""Return the mean silhouette of each of several partitions of the same cells.

    .. math:: s_i = \frac{b_i - a_i}{\max(a_i, b_i)}

    with :math:`a_i` the mean distance to the cells of the same and :math:`b_i` to those of the nearest other
    cluster. At most :data:`SILHOUETTE_CELLS` cells, drawn at random, stand for all; their distances are
    computed once.

    Parameters
    ----------
    points
        Coordinates, (n_cells, n_dims).
    clusters
        Clusters, (n_partitions, n_cells).
    random_state
        Seed of the draw.

    Returns
    -------
    numpy.ndarray
        Mean silhouettes, [-1, 1], (n_partitions,); NaN where all cells are in one cluster, or each in its own.

    References
    ----------
    Rousseeuw, Journal of Computational and Applied Mathematics 1987, doi:10.1016/0377-0427(87)90125-7.
    """
    rows = np.sort(np.random.default_rng(random_state).permutation(len(points))[:SILHOUETTE_CELLS])
    distances = pairwise_distances(np.asarray(points, dtype=np.float64)[rows])
    np.fill_diagonal(distances, 0.0)
    means = np.full(len(clusters), np.nan)
    for number, partition in enumerate(clusters[:, rows]):
        if 1 < len(np.unique(partition)) < len(rows):
            means[number] = silhouette_score(distances, partition, metric="precomputed")
    return means


def _check(points: NDArray[np.floating[Any]], resolutions: Sequence[float]) -> None:
    if len(points) < 3:
        msg = f"clustering needs at least 3 cells; found {len(points)}"
        raise InputError(msg)
    if not len(resolutions) or not min(resolutions) > 0:
        msg = f"resolutions is {tuple(resolutions)}; expected one or more numbers above 0"
        raise InputError(msg)
