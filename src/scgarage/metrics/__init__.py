"""Metrics: arrays of real and synthetic cells in, one number out.

A metric is one function and one :class:`Metric` in its own file, and one line of :data:`METRICS`.
"""

from scgarage.metrics.classifier import (
    C2ST_FOREST,
    C2ST_FOREST_GENES,
    C2ST_LOGISTIC,
    c2st,
    c2st_forest,
    c2st_logistic,
)
from scgarage.metrics.genes import (
    GENE_MEAN_ERROR,
    GENE_VARIANCE_ERROR,
    ZERO_FRACTION_ERROR,
    gene_mean_error,
    gene_variance_error,
    zero_fraction_error,
)
from scgarage.metrics.memorisation import MEMORISATION_SHARE, memorisation_share
from scgarage.metrics.metric import Metric
from scgarage.metrics.neighbours import COVERAGE, PRECISION, RECALL, coverage, precision, recall
from scgarage.metrics.proportions import TYPE_PROPORTION_TV, type_proportion_tv
from scgarage.metrics.retention import TYPES_PRESENT, types_present
from scgarage.metrics.sliced import SLICED_WASSERSTEIN, sliced_wasserstein
from scgarage.metrics.transport import WASSERSTEIN_1, WASSERSTEIN_2, exact_wasserstein

METRICS: dict[str, Metric] = {
    "c2st_forest": C2ST_FOREST,
    "c2st_logistic": C2ST_LOGISTIC,
    "c2st_forest_genes": C2ST_FOREST_GENES,
    "sliced_wasserstein": SLICED_WASSERSTEIN,
    "wasserstein_1": WASSERSTEIN_1,
    "wasserstein_2": WASSERSTEIN_2,
    "coverage": COVERAGE,
    "precision": PRECISION,
    "recall": RECALL,
    "zero_fraction_error": ZERO_FRACTION_ERROR,
    "gene_mean_error": GENE_MEAN_ERROR,
    "gene_variance_error": GENE_VARIANCE_ERROR,
    "types_present": TYPES_PRESENT,
    "type_proportion_tv": TYPE_PROPORTION_TV,
    "memorisation_share": MEMORISATION_SHARE,
}
"""Every metric by its registry name; the judge, the report and the command line read it."""

__all__ = [
    "METRICS",
    "Metric",
    "c2st",
    "c2st_forest",
    "c2st_logistic",
    "coverage",
    "exact_wasserstein",
    "gene_mean_error",
    "gene_variance_error",
    "memorisation_share",
    "precision",
    "recall",
    "sliced_wasserstein",
    "type_proportion_tv",
    "types_present",
    "zero_fraction_error",
]
