"""Preprocessing: counts recovered, cells split, values normalised, genes selected, components fitted (``sg.pp``)."""

from scgarage.io.cells import (
    counts_from_log_expr,
    expression_matrix,
    library_size,
    log1p_cp10k,
    match_genes,
    validate_expression,
    validate_labels,
    value_kind,
)
from scgarage.pp.features import Components, MaxScaler, balanced_components, select_hvg
from scgarage.pp.graph import communities
from scgarage.pp.prepare import prepare, recover_counts
from scgarage.pp.splits import Split, split, split_again, split_by_column

__all__ = [
    "Components", "MaxScaler", "Split", "balanced_components", "communities", "counts_from_log_expr",
    "expression_matrix", "library_size", "log1p_cp10k", "match_genes", "prepare", "recover_counts", "select_hvg",
    "split", "split_again", "split_by_column", "validate_expression", "validate_labels", "value_kind",
]  # fmt: skip
