"""What a conditional generator can be used for: harmonisation, dynamics, perturbation transfer, each measured."""

from scgarage.analyses.attention import AttentionAnalysis, analyse_attention, compare_explanations, published_scores
from scgarage.analyses.dynamics import DYNAMICS_METHODS, generate_between, interpolate_types, mix_counts
from scgarage.analyses.harmonisation import HARMONISATION_METHODS, harmonise, lisi, mixing, separation
from scgarage.analyses.leakage import LEAKAGES, LeakageAnalysis, analyse_leakage, leakage_curve, leakage_figure
from scgarage.analyses.marker_clustering import legacy_grid, marker_grid
from scgarage.analyses.markers import (
    CBMC_MARKERS,
    find_markers,
    marker_tests,
    positive_rates,
    read_markers,
    type_enrichment,
)
from scgarage.analyses.perturbation import PERTURBATION_METHODS, transfer_perturbation
from scgarage.analyses.seed_study import (
    SeedStudy,
    loss_curves,
    mean_sd,
    rank_blocks,
    study_seeds,
    to_latex,
    to_markdown,
)
from scgarage.analyses.shifts import mean_shifts, shifted
from scgarage.augmentation import ModelAugmenter

__all__ = [
    "CBMC_MARKERS", "DYNAMICS_METHODS", "HARMONISATION_METHODS", "LEAKAGES", "PERTURBATION_METHODS",
    "AttentionAnalysis", "LeakageAnalysis", "ModelAugmenter", "SeedStudy", "analyse_attention", "analyse_leakage",
    "compare_explanations", "find_markers", "generate_between", "harmonise", "interpolate_types", "leakage_curve",
    "leakage_figure", "legacy_grid", "lisi", "loss_curves", "marker_grid", "marker_tests", "mean_sd", "mean_shifts",
    "mix_counts", "mixing", "positive_rates", "published_scores", "rank_blocks", "read_markers", "separation",
    "shifted", "study_seeds", "to_latex", "to_markdown", "transfer_perturbation", "type_enrichment",
]  # fmt: skip
