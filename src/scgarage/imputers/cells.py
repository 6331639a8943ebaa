"""Cells in the one form that all imputers share."""

from dataclasses import dataclass

import anndata as ad
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.preprocess import expression_matrix, log1p_cp10k, validate_expression, validate_labels
from scgarage.schema import ValueKind

__all__ = ["Cells", "label_column", "prepare"]


@dataclass(frozen=True)
class Cells:
    """Validated cells.

    Attributes
    ----------
    log_expr
        log1p CP10k without stored zeros, CSR ``(n_cells, n_genes)``.
    types
        Cell type of each cell, shape ``(n_cells,)``, or ``None``.
    batches
        Batch (sequencing technology) of each cell, shape ``(n_cells,)``, or ``None``.
    value_kind
        What the user gave, ``"counts"`` or ``"log-normalised"``.
    """

    log_expr: sparse.csr_matrix
    types: NDArray[np.str_] | None
    batches: NDArray[np.str_] | None
    value_kind: ValueKind

    def on_genes(self, genes: NDArray[np.int64]) -> "Cells":
        """Return the same cells with some of the genes."""
        return Cells(sparse.csr_matrix(self.log_expr[:, genes]), self.types, self.batches, self.value_kind)


def prepare(adata: ad.AnnData, *, labels_key: str | None, batch_key: str | None, layer: str | None) -> Cells:
    """Validate cells and normalise them.

    Parameters
    ----------
    adata
        Counts or log-normalised values, ``(n_cells, n_genes)``; not changed.
    labels_key, batch_key
        Columns of ``obs`` with cell type and batch, or ``None``.
    layer
        Layer that holds the values; ``X`` by default.

    Raises
    ------
    InputError
        For data that cannot be used: see :func:`scgarage.pp.validate_expression`.
    """
    kind = validate_expression(adata, layer, warn_silent_genes=False)
    values = sparse.csr_matrix(expression_matrix(adata, layer))
    log_expr = log1p_cp10k(values) if kind == "counts" else values.astype(np.float32)
    log_expr = sparse.csr_matrix(log_expr, copy=True)
    log_expr.sum_duplicates()
    log_expr.eliminate_zeros()
    return Cells(log_expr, label_column(adata, labels_key), label_column(adata, batch_key), kind)


def label_column(adata: ad.AnnData, key: str | None) -> NDArray[np.str_] | None:
    """Return a column of ``obs`` as text, shape ``(n_cells,)``, or ``None`` without a key.

    Raises
    ------
    InputError
        When the column is missing or holds no labels.
    """
    if key is None:
        return None
    validate_labels(adata, key, min_types=1, min_cells_per_type=1)
    return np.asarray(adata.obs[key].astype(str), dtype=np.str_)
