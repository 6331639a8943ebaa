"""Resolutions of the Leiden sweep, and how well its clusters hold together."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances, silhouette_score

__all__ = ["RESOLUTIONS", "silhouettes"]

RESOLUTIONS = tuple(float(value) for value in np.round(np.geomspace(0.05, 4.0, 24), 3))
"""Resolutions of the sweep: from one or two clusters to dozens, each 1.2 times the last."""

SILHOUETTE_CELLS = 1_000
"""Cells among which silhouettes are computed at most."""


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
