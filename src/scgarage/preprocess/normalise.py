"""Library-size normalisation to log1p CP10k, and its inverse."""

from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.io.matrix import row_sums

__all__ = ["TARGET_SUM", "counts_from_log_expr", "library_size", "log1p_cp10k"]

TARGET_SUM = 1e4
"""Counts per cell after normalisation: CP10k, the field's convention (scanpy's and Seurat's tutorials)."""

Matrix = TypeVar("Matrix", sparse.csr_matrix, NDArray[np.floating])


def library_size(counts: sparse.csr_matrix | NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the total counts of each cell, shape ``(n_cells,)``."""
    return row_sums(counts)  # in float64: scipy adds float32 matrices in float32


def log1p_cp10k(counts: Matrix, *, totals: NDArray[np.floating] | None = None) -> Matrix:
    r"""Normalise counts to 10,000 per cell and take the natural logarithm of one plus the result.

    .. math:: x_{ij} = \log(1 + 10^4 c_{ij} / \textstyle\sum_j c_{ij})

    Parameters
    ----------
    counts
        Counts, shape ``(n_cells, n_genes)``; a sparse matrix gives a CSR matrix.
    totals
        Library sizes to divide by, shape ``(n_cells,)``, when ``counts`` holds only some of the genes. By
        default the row sums.

    Returns
    -------
    log1p CP10k, float32, same container and shape. The input is not changed.

    Raises
    ------
    InputError
        When a cell has no counts at all, or ``totals`` has another length than there are cells.

    Examples
    --------
    >>> import numpy as np
    >>> log1p_cp10k(np.array([[1.0, 3.0]])).astype(float).round(3).tolist()
    [[7.824, 8.923]]
    """
    totals = library_size(counts) if totals is None else np.asarray(totals, dtype=np.float64)
    _check_length(totals, counts.shape[0])
    if (totals <= 0).any():
        msg = (
            f"{int((totals <= 0).sum())} cells have no counts, so they cannot be normalised; "
            "remove them with sc.pp.filter_cells(adata, min_counts=1)"
        )
        raise InputError(msg)
    factors = TARGET_SUM / totals
    if sparse.issparse(counts):
        return cast("Matrix", _log1p_sparse(counts, factors))
    scaled = np.asarray(counts, dtype=np.float64) * factors[:, None]
    return cast("Matrix", np.log1p(scaled).astype(np.float32))


def _log1p_sparse(counts: Any, factors: NDArray[np.float64]) -> Any:
    scaled = counts.tocsr().astype(np.float64)  # astype copies
    scaled.data *= np.repeat(factors, np.diff(scaled.indptr))
    return scaled.log1p().astype(np.float32)  # log1p adds up entries given twice first


def counts_from_log_expr(log_expr: NDArray[np.floating], totals: NDArray[np.floating]) -> NDArray[np.float32]:
    r"""Turn log1p CP10k values back into whole counts for given library sizes.

    .. math:: c_{ij} = \mathrm{round}\left((e^{x_{ij}} - 1) \, L_i / 10^4\right)

    Parameters
    ----------
    log_expr
        log1p CP10k, shape ``(n_cells, n_genes)``; values below zero count as zero.
    totals
        Library size :math:`L_i` of each cell, shape ``(n_cells,)``.

    Returns
    -------
    Whole counts, float32, shape ``(n_cells, n_genes)``. For values made by :func:`log1p_cp10k` with the same
    totals the original counts come back exactly, up to a million of one gene in one cell; beyond, the 24
    bits of a float32 logarithm no longer tell two counts apart.

    Raises
    ------
    InputError
        When ``totals`` has another length than there are cells.

    Examples
    --------
    >>> log_expr = log1p_cp10k(np.array([[1.0, 3.0], [7.0, 0.0]]))
    >>> counts_from_log_expr(log_expr, np.array([4.0, 7.0])).tolist()
    [[1.0, 3.0], [7.0, 0.0]]
    """
    _check_length(np.asarray(totals), len(log_expr))
    scale = np.asarray(totals, dtype=np.float64)[:, None] / TARGET_SUM
    counts = np.rint(np.expm1(np.maximum(log_expr, 0.0, dtype=np.float64)) * scale)
    return np.asarray(counts, dtype=np.float32)


def _check_length(totals: NDArray[np.floating], n_cells: int) -> None:
    if totals.shape != (n_cells,):
        msg = f"totals needs one library size per cell, {n_cells}; found shape {totals.shape}"
        raise InputError(msg)
