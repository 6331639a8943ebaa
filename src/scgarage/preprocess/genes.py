"""Highly variable genes, selected on the cells that are passed in (training cells only)."""

import warnings

import anndata as ad
import numpy as np
import scanpy as sc
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError

__all__ = ["select_hvg"]


def select_hvg(log_expr: sparse.csr_matrix | NDArray[np.floating], n_top_genes: int | None) -> NDArray[np.bool_]:
    """Select highly variable genes by scanpy's dispersion in bins of mean expression.

    Parameters
    ----------
    log_expr
        log1p CP10k, shape ``(n_cells, n_genes)``, of *training cells only*; not changed.
    n_top_genes
        Number of genes to select; ``None`` selects every gene.

    Returns
    -------
    Mask of the selected genes, shape ``(n_genes,)``. With a number exactly so many are selected, or all
    genes with any expression when those are fewer: genes without are never selected.

    Raises
    ------
    InputError
        When ``n_top_genes`` is below one.

    References
    ----------
    Satija et al., Nature Biotechnology 2015, doi:10.1038/nbt.3192 (``flavor="seurat"``).

    Examples
    --------
    >>> log_expr = np.log1p(np.random.default_rng(0).poisson(1.0, (50, 30))).astype(np.float32)
    >>> int(select_hvg(log_expr, 10).sum())
    10
    """
    n_genes = log_expr.shape[1]
    if n_top_genes is None:
        return np.ones(n_genes, dtype=bool)
    if n_top_genes < 1:
        msg = f"n_top_genes must be at least 1, or None for every gene; found {n_top_genes}"
        raise InputError(msg)
    expressed = np.flatnonzero(np.asarray((log_expr > 0).sum(axis=0)).ravel())
    if n_top_genes < len(expressed):
        expressed = expressed[_by_dispersion(log_expr[:, expressed], n_top_genes)[:n_top_genes]]
    selected = np.zeros(n_genes, dtype=bool)
    selected[expressed] = True
    return selected


def _by_dispersion(log_expr: sparse.csr_matrix | NDArray[np.floating], n_top_genes: int) -> NDArray[np.intp]:
    """Return the gene numbers, those of the largest normalised dispersion first."""
    table = ad.AnnData(X=log_expr)
    with warnings.catch_warnings():
        # Few genes leave empty bins; pandas and numpy warn about their means, scanpy handles them.
        warnings.simplefilter("ignore", category=RuntimeWarning)
        warnings.simplefilter("ignore", category=FutureWarning)
        sc.pp.highly_variable_genes(table, n_top_genes=n_top_genes, flavor="seurat")
    # Genes alone in their bin all get the value 1, and scanpy's own mask keeps every gene tied at the
    # cut-off. The dispersion itself breaks ties, so the number is exact whatever the order of the genes.
    score, tie = (table.var[name].fillna(-np.inf) for name in ("dispersions_norm", "dispersions"))
    return np.lexsort((-tie, -score))
