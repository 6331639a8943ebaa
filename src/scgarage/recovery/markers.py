"""Differences between cell types, before and after imputation."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.recovery.agreement import correlation

__all__ = ["MarkerChange", "log_fold_changes", "marker_change"]


class MarkerChange(NamedTuple):
    """Log-fold changes of imputed cells against those of held-out molecules.

    Attributes
    ----------
    correlation
        Pearson correlation over marker genes and types.
    slope
        Least-squares slope through the origin: below 1 differences shrink, above 1 they are exaggerated.
    """

    correlation: float
    slope: float


def log_fold_changes(
    log_expr: sparse.csr_matrix | NDArray[np.floating], types: NDArray[np.str_]
) -> NDArray[np.float64]:
    """Return mean log1p CP10k in each type minus the mean in all other cells, ``(n_types, n_genes)``, types sorted."""
    names, codes = np.unique(types, return_inverse=True)
    n_cells = len(codes)
    member = sparse.csr_matrix((np.ones(n_cells), (codes, np.arange(n_cells))), shape=(len(names), n_cells))
    sums = member @ log_expr
    sums = np.asarray(sums.todense() if sparse.issparse(sums) else sums, dtype=np.float64)
    sizes = np.bincount(codes)[:, None]
    return np.asarray(sums / sizes - (sums.sum(axis=0) - sums) / np.maximum(n_cells - sizes, 1))


def marker_change(
    imputed: sparse.csr_matrix | NDArray[np.floating],
    held_out: sparse.csr_matrix | NDArray[np.floating],
    types: NDArray[np.str_],
    *,
    n_markers: int = 20,
) -> MarkerChange:
    """Compare the log-fold changes of marker genes with those of molecules that were held out.

    Markers of a type are the ``n_markers`` genes with the largest change in the held-out molecules, which is the same
    choice for every method.

    Parameters
    ----------
    imputed, held_out
        log1p CP10k of the same cells and genes, ``(n_cells, n_genes)``.
    types
        Cell types, shape ``(n_cells,)``.
    n_markers
        Genes of each type.

    Returns
    -------
    Correlation and slope over all markers and all types.
    """
    truth, found = log_fold_changes(held_out, types), log_fold_changes(imputed, types)
    n_markers = min(n_markers, truth.shape[1])
    markers = np.unique(np.argpartition(-truth, n_markers - 1, axis=1)[:, :n_markers])
    a, b = truth[:, markers].ravel(), found[:, markers].ravel()
    power = float(a @ a)
    return MarkerChange(correlation(b, a), float(a @ b / power) if power else 0.0)
