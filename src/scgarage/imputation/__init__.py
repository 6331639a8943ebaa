"""Does imputation help? Held-out molecules, clusters, markers and false signals."""

from scgarage.imputation.base import IMPUTED, IMPUTED_SD, Filled, Imputer, ImputerConfig
from scgarage.imputation.began import Began, BeganConfig
from scgarage.imputation.check import ImputationCheck, Recommendation, check_imputation, recommend
from scgarage.imputation.measures import (
    Agreement,
    MarkerChange,
    TypeAgreement,
    agreement,
    cluster_agreement,
    correlation,
    decoy_correlation,
    decoys,
    halve,
    log_fold_changes,
    marker_change,
    matched_clusters,
    share_different,
    type_agreement,
)
from scgarage.imputation.posterior_mean import PosteriorMean, PosteriorMeanConfig
from scgarage.imputation.registry import IMPUTERS, impute, imputer_class
from scgarage.imputation.scenarios import Masked, mask_entries, thin_counts
from scgarage.imputation.scvi import ScviConfig, ScviMean
from scgarage.imputation.smoothing import (
    Diffusion,
    DiffusionConfig,
    KnnConfig,
    KnnSmoothing,
    LowRank,
    LowRankConfig,
    NoImputation,
)

__all__ = [
    "IMPUTED",
    "IMPUTED_SD",
    "IMPUTERS",
    "Agreement",
    "Began",
    "BeganConfig",
    "Diffusion",
    "DiffusionConfig",
    "Filled",
    "ImputationCheck",
    "Imputer",
    "ImputerConfig",
    "KnnConfig",
    "KnnSmoothing",
    "LowRank",
    "LowRankConfig",
    "MarkerChange",
    "Masked",
    "NoImputation",
    "PosteriorMean",
    "PosteriorMeanConfig",
    "Recommendation",
    "ScviConfig",
    "ScviMean",
    "TypeAgreement",
    "agreement",
    "check_imputation",
    "cluster_agreement",
    "correlation",
    "decoy_correlation",
    "decoys",
    "halve",
    "impute",
    "imputer_class",
    "log_fold_changes",
    "marker_change",
    "mask_entries",
    "matched_clusters",
    "recommend",
    "share_different",
    "thin_counts",
    "type_agreement",
]
