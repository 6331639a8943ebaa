"""Preprocessing: counts recovered, cells split, values normalised, genes selected, components fitted (``sg.pp``)."""

from scgarage.preprocess.balanced import balanced_components
from scgarage.preprocess.communities import communities
from scgarage.preprocess.genes import select_hvg
from scgarage.preprocess.normalise import counts_from_log_expr, library_size, log1p_cp10k
from scgarage.preprocess.pca import Components
from scgarage.preprocess.prepare import prepare
from scgarage.preprocess.recover import recover_counts
from scgarage.preprocess.resplit import split_again
from scgarage.preprocess.scale import MaxScaler
from scgarage.preprocess.splits import Split, split, split_by_column
from scgarage.preprocess.validate import (
    expression_matrix,
    match_genes,
    validate_expression,
    validate_labels,
    value_kind,
)

__all__ = [
    "Components",
    "MaxScaler",
    "Split",
    "balanced_components",
    "communities",
    "counts_from_log_expr",
    "expression_matrix",
    "library_size",
    "log1p_cp10k",
    "match_genes",
    "prepare",
    "recover_counts",
    "select_hvg",
    "split",
    "split_again",
    "split_by_column",
    "validate_expression",
    "validate_labels",
    "value_kind",
]
