"""The cell-cell kNN graph as edges neighbour -> cell, and Leiden communities."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from scgarage.errors import InputError

EXACT_UP_TO = 50_000
"""Cells up to which the search is exact: it takes 8 s at 50,000 cells x 50 components on one core."""

CANDIDATES = 16
"""Neighbours to look for: of the 5 nearest pynndescent finds 85 % when asked for 6, 99 % for 16."""


def knn_graph(
    representation: NDArray[np.floating], n_neighbors: int = 5, *, exact_up_to: int = EXACT_UP_TO, random_state: int = 0
) -> Tensor:
    """Connect every cell with its nearest neighbours, through scanpy.

    Examples
    --------
    >>> import numpy as np
    >>> knn_graph(np.array([[0.0], [1.0], [3.0]]), n_neighbors=1)
    tensor([[1, 0, 1],
            [0, 1, 2]])
    """
    points = np.asarray(representation)
    n_neighbors = _check(points, n_neighbors)
    distances = _distances(points, n_neighbors, exact=len(points) <= exact_up_to, random_state=random_state)
    return _nearest(distances, n_neighbors, np.random.default_rng(random_state))


def _check(points: NDArray[np.floating], n_neighbors: int) -> int:
    """Refuse what has no neighbours; return the number of neighbours that every cell can have."""
    if points.ndim != 2 or len(points) < 2 or points.shape[1] < 1:
        msg = f"a neighbour graph needs at least 2 cells and one component; found shape {points.shape}"
        raise InputError(msg)
    if not np.isfinite(points).all():
        n_bad = int((~np.isfinite(points)).any(axis=1).sum())
        msg = f"the representation has values that are not finite, in {n_bad} cells; compute it again"
        raise InputError(msg)
    if n_neighbors < 1:
        msg = f"n_neighbors must be at least 1; found {n_neighbors}"
        raise InputError(msg)
    if n_neighbors >= len(points):
        warnings.warn(
            f"{len(points)} cells cannot have {n_neighbors} neighbours each; {len(points) - 1} are used",
            UserWarning,
            stacklevel=3,
        )
    return min(n_neighbors, len(points) - 1)


def _distances(points: NDArray[np.floating], n_neighbors: int, *, exact: bool, random_state: int) -> sparse.csr_matrix:
    """Return distances to at least ``n_neighbors`` other cells per row, and perhaps to the cell itself."""
    import scanpy as sc
    from sklearn.neighbors import KNeighborsTransformer

    n_candidates = min(max(n_neighbors, CANDIDATES), len(points) - 1)
    search = KNeighborsTransformer(n_neighbors=n_candidates, algorithm="brute") if exact else None
    graph = sc.Neighbors(ad.AnnData(points.astype(np.float32)))
    # scanpy's own exact path drops the first entry of each row as the cell itself, which is another one where
    # two cells are the same; a search object of ours leaves every entry in. No connectivities: no method.
    graph.compute_neighbors(n_candidates, use_rep="X", method=None, transformer=search, random_state=random_state)
    return sparse.csr_matrix(graph.distances)


def _nearest(distances: sparse.csr_matrix, n_neighbors: int, rng: np.random.Generator) -> Tensor:
    """Return the edges to the nearest other cells; cells at the same distance are equally likely."""
    targets = np.repeat(np.arange(distances.shape[0]), np.diff(distances.indptr))
    sources = distances.indices
    others = sources != targets
    targets, sources, length = targets[others], sources[others], distances.data[others]
    order = np.lexsort((rng.random(len(length)), length, targets))
    targets, sources = targets[order], sources[order]
    rank = np.arange(len(targets)) - np.searchsorted(targets, targets)
    nearest = rank < n_neighbors
    return torch.from_numpy(np.stack([sources[nearest], targets[nearest]]).astype(np.int64))


def neighbour_adjacency(points: NDArray[np.floating], n_neighbors: int = 15) -> sparse.csr_matrix:
    """Return the symmetric nearest-neighbour graph of cells."""
    n_cells = len(points)
    sources, targets = knn_graph(points, min(n_neighbors, n_cells - 1)).numpy()
    directed = sparse.csr_matrix((np.ones(len(sources)), (targets, sources)), shape=(n_cells, n_cells))
    return sparse.csr_matrix(directed + directed.T)


def leiden(
    adjacency: sparse.csr_matrix, *, resolution: float = 1.0, n_iterations: int = 2, random_state: int = 0
) -> NDArray[np.int64]:
    """Cluster a graph with the Leiden algorithm (modularity), through scanpy (doi:10.1038/s41598-019-41695-z)."""
    import scanpy as sc

    cells = ad.AnnData(shape=(adjacency.shape[0], 0))
    sc.tl.leiden(
        cells,
        resolution=resolution,
        adjacency=adjacency,
        flavor="igraph",
        directed=False,
        n_iterations=n_iterations,
        random_state=random_state,
    )
    return np.asarray(cells.obs["leiden"].astype(int), dtype=np.int64)


def communities(
    points: NDArray[np.floating[Any]],
    resolutions: Sequence[float] = (2.0,),
    *,
    n_neighbors: int = 15,
    metric: Literal["euclidean", "cosine"] = "euclidean",
    n_iterations: int = 2,
    random_state: int = 0,
) -> NDArray[np.int64]:
    """Divide cells into communities at one or more resolutions of one neighbour graph, through scanpy.

    Parameters
    ----------
    points
        Coordinates, such as principal components, shape ``(n_cells, n_dims)``.
    resolutions
        Leiden resolutions, > 0; higher gives more communities.
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
    Number of the community of each cell at each resolution, int64, shape ``(n_resolutions, n_cells)``.

    Raises
    ------
    InputError
        When there are fewer than three cells, or no resolution or one that is not above 0.

    References
    ----------
    Traag et al., Scientific Reports 2019, doi:10.1038/s41598-019-41695-z.
    """
    if points.ndim != 2 or len(points) < 3:
        msg = f"communities need at least 3 cells; found points of shape {points.shape}"
        raise InputError(msg)
    if not len(resolutions) or min(resolutions) <= 0:
        msg = f"resolutions must be numbers above 0, at least one; found {list(resolutions)}"
        raise InputError(msg)
    import scanpy as sc

    cells = ad.AnnData(obsm={"X": points}, shape=(len(points), 0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        # Cells at the same place make scanpy change a sparse matrix of distances, which communities never use.
        warnings.simplefilter("ignore", sparse.SparseEfficiencyWarning)
        n_neighbors = min(n_neighbors, len(points) - 1)
        sc.pp.neighbors(cells, use_rep="X", n_neighbors=n_neighbors, metric=metric, random_state=random_state)
        graph = cells.obsp["connectivities"]
        found = [leiden(graph, resolution=r, n_iterations=n_iterations, random_state=random_state) for r in resolutions]
    return np.stack(found)
