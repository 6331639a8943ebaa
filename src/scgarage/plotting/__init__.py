"""Figures, one per file (``sg.pl``): data in, axes or a figure out.

Nothing is shown and pyplot is not touched, so no figure has to be closed; in a notebook the figure
(``ax.figure``) as the last expression of a cell shows itself.
"""

from scgarage.plotting.composition import composition, type_counts
from scgarage.plotting.embedding import embedding
from scgarage.plotting.gene_moments import gene_moments, moments
from scgarage.plotting.history import history
from scgarage.plotting.joint_embedding import joint_embedding
from scgarage.plotting.library_size import genes_detected, library_size
from scgarage.plotting.palette import SOURCE_COLOURS, TYPE_COLOURS, type_colours
from scgarage.plotting.scores import score_sd, scores
from scgarage.plotting.sensitivity import sensitivity

__all__ = [
    "SOURCE_COLOURS",
    "TYPE_COLOURS",
    "composition",
    "embedding",
    "gene_moments",
    "genes_detected",
    "history",
    "joint_embedding",
    "library_size",
    "moments",
    "score_sd",
    "scores",
    "sensitivity",
    "type_colours",
    "type_counts",
]
