"""Expression values of an AnnData on the one scale that the figures use."""

import anndata as ad
from scipy import sparse

from scgarage.errors import InputError
from scgarage.preprocess import expression_matrix, log1p_cp10k, value_kind

__all__ = ["counts_or_none", "log_expression"]


def log_expression(adata: ad.AnnData, layer: str | None = None) -> sparse.csr_matrix:
    """Return log1p CP10k, CSR, shape ``(n_cells, n_genes)``.

    Counts are normalised, log-normalised values stay as they are. A layer that ``adata`` lacks is read from
    ``X``, since synthetic cells may have only that one matrix.

    Raises
    ------
    InputError
        When the values are neither counts nor log-normalised.
    """
    layer = layer if layer in adata.layers else None
    kind = value_kind(adata, layer)
    matrix = sparse.csr_matrix(expression_matrix(adata, layer))
    if kind == "counts":
        return log1p_cp10k(matrix)
    if kind == "log-normalised":
        return matrix
    msg = (
        f"figures need counts or log1p CP10k values; {layer or 'X'} holds {kind} values; "
        "pass layer=, or call sg.pp.recover_counts first"
    )
    raise InputError(msg)


def counts_or_none(adata: ad.AnnData, layer: str | None = None) -> sparse.csr_matrix | None:
    """Return counts, CSR, shape ``(n_cells, n_genes)``, or ``None`` when the values are not counts."""
    layer = layer if layer in adata.layers else None
    if value_kind(adata, layer) != "counts":
        return None
    return sparse.csr_matrix(expression_matrix(adata, layer))
