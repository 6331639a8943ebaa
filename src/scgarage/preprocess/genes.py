"""Highly variable genes, selected on the cells that are passed in (training cells only)."""

import warnings

import anndata as ad
import numpy as np
import scanpy as sc
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["select_hvg"]


def select_hvg(log_expr: sparse.csr_matrix | NDArray[np.floating], n_top_genes: int | None) -> NDArray[np.bool_]:
    """Select highly variable genes by scanpy's dispersion in bins of mean expression.

    Parameters
    ----------
    log_expr
        log1p CP10k, shape ``(n_cells, n_genes)``, of *training cells only*.
    n_top_genes
        Number of genes to select; ``None`` or a number of at least ``n_genes`` selects every gene.

    Returns
    -------
    Mask of the selected genes, shape ``(n_genes,)``. Genes without any expression are never selected before expressed
    ones.

    References
    ----------
    Satija et al., Nature Biotechnology 2015, doi:10.1038/nbt.3192 (``flavor="seurat"``).
    """
    n_genes = log_expr.shape[1]
    if n_top_genes is None or n_top_genes >= n_genes:
        return np.ones(n_genes, dtype=bool)
    expressed = np.asarray((log_expr > 0).sum(axis=0)).ravel() > 0
    selected = np.zeros(n_genes, dtype=bool)
    if n_top_genes >= expressed.sum():
        selected[expressed] = True
        return selected
    table = ad.AnnData(X=log_expr[:, np.flatnonzero(expressed)])
    with warnings.catch_warnings():
        # Few genes leave empty bins; pandas and numpy warn about their means, scanpy handles them.
        warnings.simplefilter("ignore", category=RuntimeWarning)
        warnings.simplefilter("ignore", category=FutureWarning)
        sc.pp.highly_variable_genes(table, n_top_genes=n_top_genes, flavor="seurat")
    score = table.var["dispersions_norm"].fillna(-np.inf).to_numpy()
    # scanpy's own mask keeps every gene tied at the cut-off; exactly n_top_genes are wanted.
    best = np.argsort(-score, kind="stable")[:n_top_genes]
    selected[np.flatnonzero(expressed)[best]] = True
    return selected
