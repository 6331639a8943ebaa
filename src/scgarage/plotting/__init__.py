"""Figures, one per file (``sg.pl``): data in, axes or a figure out.

Every figure takes ``show=`` and ``save=`` (svg and pdf are vector formats); those of a single panel take ``ax=``.
Unless ``show=True``, nothing is shown and pyplot is not touched, so no figure has to be closed.
"""

from scgarage.plotting.composition import composition, type_counts
from scgarage.plotting.confusion import confusion
from scgarage.plotting.critical_difference import RankTest, critical_difference, rank_test
from scgarage.plotting.de_null import de_null
from scgarage.plotting.embedding import embedding
from scgarage.plotting.fold_changes import fold_changes, log_fold_changes
from scgarage.plotting.gene_correlations import gene_correlations, rank_correlations
from scgarage.plotting.gene_moments import gene_moments, moments
from scgarage.plotting.history import history
from scgarage.plotting.joint_embedding import joint_embedding
from scgarage.plotting.library_size import genes_detected, library_size
from scgarage.plotting.markers import markers
from scgarage.plotting.mean_variance import mean_variance
from scgarage.plotting.palette import SOURCE_COLOURS, TYPE_COLOURS, type_colours
from scgarage.plotting.persistence_diagram import persistence, persistence_diagram, persistence_distances
from scgarage.plotting.quantiles import quantiles
from scgarage.plotting.scores import score_sd, scores
from scgarage.plotting.sensitivity import sensitivity
from scgarage.plotting.type_means import shares_expressing, top_markers, type_means

__all__ = [
    "SOURCE_COLOURS",
    "TYPE_COLOURS",
    "RankTest",
    "composition",
    "confusion",
    "critical_difference",
    "de_null",
    "embedding",
    "fold_changes",
    "gene_correlations",
    "gene_moments",
    "genes_detected",
    "history",
    "joint_embedding",
    "library_size",
    "log_fold_changes",
    "markers",
    "mean_variance",
    "moments",
    "persistence",
    "persistence_diagram",
    "persistence_distances",
    "quantiles",
    "rank_correlations",
    "rank_test",
    "score_sd",
    "scores",
    "sensitivity",
    "shares_expressing",
    "top_markers",
    "type_colours",
    "type_counts",
    "type_means",
]
