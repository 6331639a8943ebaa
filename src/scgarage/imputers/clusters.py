"""Leiden clusters, which stand in for missing cell types."""

import anndata as ad
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.graph import knn_graph

__all__ = ["leiden_clusters", "neighbour_adjacency"]


def neighbour_adjacency(points: NDArray[np.floating], n_neighbors: int = 15) -> sparse.csr_matrix:
    """Return the symmetric nearest-neighbour graph of cells.

    Parameters
    ----------
    points
        Coordinates, ``(n_cells, n_components)``.
    n_neighbors
        Neighbours of each cell; fewer in small data sets.

    Returns
    -------
    CSR ``(n_cells, n_cells)``: 1 where one of two cells is a neighbour of the other, 2 where both are.
    """
    n_cells = len(points)
    sources, targets = knn_graph(points, min(n_neighbors, n_cells - 1)).numpy()
    directed = sparse.csr_matrix((np.ones(len(sources)), (targets, sources)), shape=(n_cells, n_cells))
    return sparse.csr_matrix(directed + directed.T)


def leiden_clusters(
    adjacency: sparse.csr_matrix, *, resolution: float = 1.0, random_state: int = 0
) -> NDArray[np.int64]:
    """Cluster a graph with the Leiden algorithm (modularity), through scanpy.

    Parameters
    ----------
    adjacency
        Symmetric weights, CSR ``(n_cells, n_cells)``.
    resolution
        Higher gives more clusters.
    random_state
        Seed.

    Returns
    -------
    Number of the cluster of each cell, shape ``(n_cells,)``, the largest cluster first.

    References
    ----------
    Traag et al., From Louvain to Leiden, Scientific Reports 2019, doi:10.1038/s41598-019-41695-z.
    """
    import scanpy as sc

    table = ad.AnnData(obs={"cell": np.arange(adjacency.shape[0]).astype(str)})
    sc.tl.leiden(
        table,
        resolution=resolution,
        adjacency=adjacency,
        flavor="igraph",
        directed=False,
        use_weights=True,
        n_iterations=2,
        random_state=random_state,
    )
    return np.asarray(table.obs["leiden"].astype(int), dtype=np.int64)
