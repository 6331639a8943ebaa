"""Metrics: arrays of real and synthetic cells in, one number out.

A metric is one function and one :class:`Metric` in its own file, and one line of :data:`METRICS`. Metrics about
types return one number for each type instead.
"""

from scgarage.metrics.cell_types import (
    RARE_RETENTION,
    TYPE_PROPORTION_TV,
    TYPES_PRESENT,
    rare_retention,
    type_proportion_tv,
    types_present,
)
from scgarage.metrics.classifier import (
    C2ST_FOREST,
    C2ST_FOREST_GENES,
    C2ST_LOGISTIC,
    LABEL_FIDELITY,
    c2st,
    c2st_forest,
    c2st_logistic,
    label_fidelity,
)
from scgarage.metrics.distances import (
    MMD2,
    SLICED_WASSERSTEIN,
    TYPE_SLICED_WASSERSTEIN,
    TYPE_WASSERSTEIN_2,
    WASSERSTEIN_1,
    WASSERSTEIN_2,
    exact_wasserstein,
    mmd2,
    sliced_wasserstein,
    type_sliced_wasserstein,
    type_wasserstein_2,
)
from scgarage.metrics.genes import (
    GENE_CORRELATION_ERROR,
    GENE_MEAN_ERROR,
    GENE_VARIANCE_ERROR,
    GENE_WASSERSTEIN,
    LIBRARY_SIZE_ERROR,
    TYPE_SPREAD,
    ZERO_FRACTION_ERROR,
    gene_correlation_error,
    gene_mean_error,
    gene_variance_error,
    gene_wasserstein,
    library_size_error,
    type_axes,
    type_spread,
    zero_fraction_error,
)
from scgarage.metrics.markers import (
    LFC_CORRELATION,
    LFC_SLOPE,
    MARKER_OVERLAP,
    lfc_correlation,
    lfc_slope,
    marker_overlap,
)
from scgarage.metrics.metric import Metric
from scgarage.metrics.neighbours import (
    COVERAGE,
    DENSITY,
    MEMORISATION_SHARE,
    PRECISION,
    RECALL,
    coverage,
    density,
    memorisation_share,
    precision,
    recall,
)
from scgarage.metrics.topology import TOPOLOGY_DISTANCE, topology_distance

METRICS: dict[str, Metric] = {
    "c2st_forest": C2ST_FOREST,
    "c2st_logistic": C2ST_LOGISTIC,
    "c2st_forest_genes": C2ST_FOREST_GENES,
    "sliced_wasserstein": SLICED_WASSERSTEIN,
    "wasserstein_1": WASSERSTEIN_1,
    "wasserstein_2": WASSERSTEIN_2,
    "type_sliced_wasserstein": TYPE_SLICED_WASSERSTEIN,
    "type_wasserstein_2": TYPE_WASSERSTEIN_2,
    "mmd2": MMD2,
    "coverage": COVERAGE,
    "density": DENSITY,
    "precision": PRECISION,
    "recall": RECALL,
    "zero_fraction_error": ZERO_FRACTION_ERROR,
    "gene_mean_error": GENE_MEAN_ERROR,
    "gene_variance_error": GENE_VARIANCE_ERROR,
    "gene_wasserstein": GENE_WASSERSTEIN,
    "gene_correlation_error": GENE_CORRELATION_ERROR,
    "library_size_error": LIBRARY_SIZE_ERROR,
    "type_spread": TYPE_SPREAD,
    "lfc_slope": LFC_SLOPE,
    "lfc_correlation": LFC_CORRELATION,
    "marker_overlap": MARKER_OVERLAP,
    "types_present": TYPES_PRESENT,
    "rare_retention": RARE_RETENTION,
    "type_proportion_tv": TYPE_PROPORTION_TV,
    "label_fidelity": LABEL_FIDELITY,
    "memorisation_share": MEMORISATION_SHARE,
    "topology_distance": TOPOLOGY_DISTANCE,
}
"""Every metric by its registry name; the judge, the report and the command line read it."""

__all__ = [
    "METRICS", "Metric", "c2st", "c2st_forest", "c2st_logistic", "coverage", "density", "exact_wasserstein",
    "gene_correlation_error", "gene_mean_error", "gene_variance_error", "gene_wasserstein", "label_fidelity",
    "lfc_correlation", "lfc_slope", "library_size_error", "marker_overlap", "memorisation_share", "mmd2", "precision",
    "rare_retention", "recall", "sliced_wasserstein", "topology_distance", "type_axes",
    "type_proportion_tv", "type_sliced_wasserstein", "type_spread", "type_wasserstein_2", "types_present",
    "zero_fraction_error",
]  # fmt: skip
