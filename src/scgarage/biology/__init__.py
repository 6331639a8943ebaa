"""Analyses of biology: whether selected cells carry rare types and their markers, and what leakage costs."""

from scgarage.biology.attention import analyse_attention
from scgarage.biology.attention_result import AttentionAnalysis
from scgarage.biology.clustering_grid import legacy_grid, marker_grid
from scgarage.biology.enrichment import type_enrichment
from scgarage.biology.explanations import compare_explanations, published_scores
from scgarage.biology.leakage import LEAKAGES, analyse_leakage
from scgarage.biology.leakage_figure import leakage_curve, leakage_figure
from scgarage.biology.leakage_result import LeakageAnalysis
from scgarage.biology.loss_figure import loss_curves
from scgarage.biology.marker_tables import CBMC_MARKERS, find_markers, read_markers
from scgarage.biology.marker_tests import marker_tests, positive_rates
from scgarage.biology.model_augmenter import ModelAugmenter
from scgarage.biology.rank_blocks import rank_blocks
from scgarage.biology.seed_study import study_seeds
from scgarage.biology.seed_study_result import SeedStudy
from scgarage.biology.seed_tables import mean_sd, to_latex, to_markdown

__all__ = [
    "CBMC_MARKERS",
    "LEAKAGES",
    "AttentionAnalysis",
    "LeakageAnalysis",
    "ModelAugmenter",
    "SeedStudy",
    "analyse_attention",
    "analyse_leakage",
    "compare_explanations",
    "find_markers",
    "leakage_curve",
    "leakage_figure",
    "legacy_grid",
    "loss_curves",
    "marker_grid",
    "marker_tests",
    "mean_sd",
    "positive_rates",
    "published_scores",
    "rank_blocks",
    "read_markers",
    "study_seeds",
    "to_latex",
    "to_markdown",
    "type_enrichment",
]
