"""Figures, one per file (``sg.pl``): data in, axes or a figure out.

Every figure takes ``show=`` and ``save=`` (svg and pdf are vector formats); those of a single panel take ``ax=``.
Unless ``show=True``, nothing is shown and pyplot is not touched, so no figure has to be closed.
"""

from scgarage.plotting.cell_types import composition, confusion, type_counts
from scgarage.plotting.embedding import embedding, joint_embedding
from scgarage.plotting.genes import (
    gene_correlations,
    gene_moments,
    genes_detected,
    library_size,
    mean_variance,
    moments,
    quantiles,
    rank_correlations,
)
from scgarage.plotting.history import history
from scgarage.plotting.markers import (
    fold_changes,
    log_fold_changes,
    markers,
    shares_expressing,
    top_markers,
    type_means,
)
from scgarage.plotting.persistence_diagram import persistence, persistence_diagram, persistence_distances
from scgarage.plotting.scores import RankTest, critical_difference, de_null, rank_test, score_sd, scores, sensitivity
from scgarage.plotting.style import SOURCE_COLOURS, TYPE_COLOURS, type_colours

__all__ = [
    "SOURCE_COLOURS", "TYPE_COLOURS", "RankTest", "composition", "confusion", "critical_difference", "de_null",
    "embedding", "fold_changes", "gene_correlations", "gene_moments", "genes_detected", "history", "joint_embedding",
    "library_size", "log_fold_changes", "markers", "mean_variance", "moments", "persistence", "persistence_diagram",
    "persistence_distances", "quantiles", "rank_correlations", "rank_test", "score_sd", "scores", "sensitivity",
    "shares_expressing", "top_markers", "type_colours", "type_counts", "type_means",
]  # fmt: skip
