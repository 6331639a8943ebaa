"""Communities of cells on their neighbour graph, by the Leiden algorithm."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError

__all__ = ["communities"]


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
    found = np.empty((len(resolutions), len(points)), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        # Cells at the same place make scanpy change a sparse matrix of distances, which communities never use.
        warnings.simplefilter("ignore", sparse.SparseEfficiencyWarning)
        n_neighbors = min(n_neighbors, len(points) - 1)
        sc.pp.neighbors(cells, use_rep="X", n_neighbors=n_neighbors, metric=metric, random_state=random_state)
        for row, resolution in enumerate(resolutions):
            sc.tl.leiden(
                cells,
                resolution=resolution,
                flavor="igraph",
                n_iterations=n_iterations,
                directed=False,
                random_state=random_state,
            )
            found[row] = cells.obs["leiden"].astype(int)
    return found
