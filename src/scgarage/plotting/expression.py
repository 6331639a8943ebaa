"""Expression values of an AnnData on the one scale that the figures use."""

import anndata as ad
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.preprocess import expression_matrix, log1p_cp10k, value_kind

__all__ = ["counts_or_none", "log_expression"]


def log_expression(adata: ad.AnnData, layer: str | None = None) -> sparse.csr_matrix | NDArray[np.floating]:
    """Return log1p CP10k, shape ``(n_cells, n_genes)``: counts are normalised, log-normalised values stay as they are.

    A layer that ``adata`` does not have is read from ``X``: synthetic cells have only that one matrix.

    Raises
    ------
    InputError
        When the values are neither counts nor log-normalised.
    """
    layer = layer if layer in adata.layers else None
    kind = value_kind(adata, layer)
    matrix = expression_matrix(adata, layer)
    if kind == "counts":
        return log1p_cp10k(matrix)
    if kind == "log-normalised":
        return matrix
    msg = f"figures need counts or log1p CP10k values; {layer or 'X'} holds {kind} values; pass layer= or recover_counts first"
    raise InputError(msg)


def counts_or_none(adata: ad.AnnData, layer: str | None = None) -> sparse.csr_matrix | NDArray[np.floating] | None:
    """Return counts, shape ``(n_cells, n_genes)``, or ``None`` when the values are not counts."""
    layer = layer if layer in adata.layers else None
    return expression_matrix(adata, layer) if value_kind(adata, layer) == "counts" else None
