"""Cells in the one form that all imputers share."""

from dataclasses import dataclass, replace

import anndata as ad
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.preprocess import (
    expression_matrix,
    library_size,
    log1p_cp10k,
    recover_counts,
    validate_expression,
    validate_labels,
)
from scgarage.preprocess.normalise import TARGET_SUM
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
    counts
        Counts, CSR ``(n_cells, n_genes)``, for methods that work on counts; else ``None``.
    totals
        Library size of each cell over all genes, shape ``(n_cells,)``, or ``None`` like ``counts``.
    """

    log_expr: sparse.csr_matrix
    types: NDArray[np.str_] | None
    batches: NDArray[np.str_] | None
    value_kind: ValueKind
    counts: sparse.csr_matrix | None = None
    totals: NDArray[np.float64] | None = None

    def on_genes(self, genes: NDArray[np.int64]) -> "Cells":
        """Return the same cells with some of the genes."""
        counts = None if self.counts is None else sparse.csr_matrix(self.counts[:, genes])
        return replace(self, log_expr=sparse.csr_matrix(self.log_expr[:, genes]), counts=counts)

    def required_counts(self) -> sparse.csr_matrix:
        """Return the counts, CSR float32 ``(n_cells, n_genes)``, of cells that were prepared with them."""
        if self.counts is None:
            msg = "these cells were prepared without counts; set needs_counts = True in the imputer's class"
            raise InputError(msg)
        return sparse.csr_matrix(self.counts, dtype=np.float32)

    def unit(self) -> NDArray[np.float64]:
        """Return what one count is worth before the logarithm, shape ``(n_cells,)``: CP10k, or the scale as given."""
        counts, totals = self.required_counts(), np.maximum(np.asarray(self.totals, dtype=np.float64), 1)
        if self.value_kind == "counts":
            return TARGET_SUM / totals
        rows = np.repeat(np.arange(len(totals)), np.diff(self.log_expr.indptr))
        level = np.bincount(rows, weights=np.expm1(self.log_expr.data.astype(np.float64)), minlength=len(totals))
        counted = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
        return np.where(counted > 0, level / np.maximum(counted, 1), TARGET_SUM / totals)


def prepare(
    adata: ad.AnnData,
    *,
    labels_key: str | None,
    batch_key: str | None,
    layer: str | None,
    needs_counts: bool = False,
    like: ValueKind | None = None,
) -> Cells:
    """Validate cells and normalise them.

    Parameters
    ----------
    adata
        Counts or log-normalised values, ``(n_cells, n_genes)``; not changed.
    labels_key, batch_key
        Columns of ``obs`` with cell type and batch, or ``None``.
    layer
        Layer that holds the values; ``X`` by default.
    needs_counts
        Whether counts are wanted; they are recovered from log-normalised values where these allow it.
    like
        Kind of values that an earlier fit saw.

    Raises
    ------
    InputError
        For values of another kind than ``like``.
        For data that cannot be used: see :func:`scgarage.pp.validate_expression`.
    """
    kind = validate_expression(adata, layer, warn_silent_genes=False)
    if like not in (None, kind):
        msg = f"the fit saw {like} and these cells hold {kind}; use the same for both"
        raise InputError(msg)
    values = sparse.csr_matrix(expression_matrix(adata, layer))
    log_expr = log1p_cp10k(values) if kind == "counts" else values.astype(np.float32)
    log_expr = sparse.csr_matrix(log_expr, copy=True)
    log_expr.sum_duplicates()
    log_expr.eliminate_zeros()
    counts = totals = None
    if needs_counts:
        counts = values if kind == "counts" else sparse.csr_matrix(recover_counts(adata, layer=layer).X)
        totals = library_size(counts)
    return Cells(log_expr, label_column(adata, labels_key), label_column(adata, batch_key), kind, counts, totals)


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
