"""The genes that the shared factors are fitted on."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["factor_genes"]


def factor_genes(log_expr: sparse.csr_matrix, strata: NDArray[np.int64], n_genes: int | None) -> NDArray[np.int64]:
    """Return the genes whose log expression varies most within types.

    Factors say how genes vary together within a type. The variance is taken as it is, not relative to what is usual for
    the mean as for highly variable genes: half of those have few counts, and say little about a cell. Genes left out
    are regressed on the factors and come back with weaker correlations than they had.

    Parameters
    ----------
    log_expr
        log1p CP10k of all genes, (n_cells, n_genes).
    strata
        Stratum of each cell, (n_cells,).
    n_genes
        Number of genes at most; ``None`` takes every gene.
    """
    if n_genes is None or n_genes >= log_expr.shape[1]:
        return np.arange(log_expr.shape[1])
    variation = np.zeros(log_expr.shape[1])
    for code in np.unique(strata):
        cells = log_expr[np.flatnonzero(strata == code)]
        sums = np.asarray(cells.sum(axis=0)).ravel()
        variation += np.asarray(cells.multiply(cells).sum(axis=0)).ravel() - sums**2 / cells.shape[0]
    return np.sort(np.argsort(-variation, kind="stable")[:n_genes])
