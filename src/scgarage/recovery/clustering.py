"""Agreement of clusters of imputed cells with cell types."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.imputers.clusters import leiden_clusters, neighbour_adjacency
from scgarage.preprocess import Components

__all__ = ["cluster_agreement", "matched_clusters"]


def matched_clusters(
    adjacency: sparse.csr_matrix, n_clusters: int, *, n_trials: int = 12, random_state: int = 0
) -> NDArray[np.int64]:
    """Cluster a graph at the resolution that gives a wanted number of clusters.

    The resolution is found by bisection on a logarithmic scale between 0.01 and 10; the truth is not looked at.

    Parameters
    ----------
    adjacency
        Symmetric weights, CSR ``(n_cells, n_cells)``.
    n_clusters
        Wanted number.
    n_trials
        Resolutions to try at most.
    random_state
        Seed of the clustering.

    Returns
    -------
    Clusters of the trial whose number came nearest, shape ``(n_cells,)``.
    """
    low, high = np.log(0.01), np.log(10.0)
    best: NDArray[np.int64] | None = None
    for _ in range(n_trials):
        middle = (low + high) / 2
        found = leiden_clusters(adjacency, resolution=float(np.exp(middle)), random_state=random_state)
        gap = int(found.max()) + 1 - n_clusters
        if best is None or abs(gap) < abs(int(best.max()) + 1 - n_clusters):
            best = found
        if gap == 0:
            break
        low, high = (low, middle) if gap > 0 else (middle, high)
    return found if best is None else best


def cluster_agreement(
    log_expr: sparse.csr_matrix | NDArray[np.floating],
    types: NDArray[np.str_],
    *,
    n_components: int = 30,
    n_repeats: int = 3,
    random_state: int = 0,
) -> float:
    """Return the adjusted Rand index of Leiden clusters and cell types.

    Principal components, 15 nearest neighbours, Leiden with as many clusters as there are types; the mean over
    ``n_repeats`` seeds of Leiden.

    Parameters
    ----------
    log_expr
        log1p CP10k, ``(n_cells, n_genes)``.
    types
        Cell types, shape ``(n_cells,)``.
    n_components
        Principal components.
    n_repeats
        Seeds to average over.
    random_state
        First seed.

    Returns
    -------
    Between -0.5 and 1; 0 is chance, and the value for cells that are all the same.

    References
    ----------
    Hubert and Arabie, Comparing partitions, Journal of Classification 1985, doi:10.1007/BF01908075.
    """
    from sklearn.metrics import adjusted_rand_score

    first = log_expr[[0] * log_expr.shape[0]]
    if not abs(log_expr - first).max() > 0:
        return 0.0  # an imputer may make all cells the same: one cluster, which is what chance scores
    components = Components.fit(log_expr, n_components, random_state=random_state)
    adjacency = neighbour_adjacency(components.transform(log_expr))
    n_types = len(np.unique(types))
    scores = [
        adjusted_rand_score(types, matched_clusters(adjacency, n_types, random_state=random_state + repeat))
        for repeat in range(n_repeats)
    ]
    return float(np.mean(scores))
