"""Does imputation help? Held-out molecules, clusters, markers and false signals."""

from scgarage.recovery.agreement import Agreement, agreement, correlation
from scgarage.recovery.check import check_imputation
from scgarage.recovery.clustering import cluster_agreement, matched_clusters
from scgarage.recovery.false_signals import decoy_correlation, decoys, halve, share_different
from scgarage.recovery.holdout import Masked, mask_entries, thin_counts
from scgarage.recovery.markers import MarkerChange, log_fold_changes, marker_change
from scgarage.recovery.other_cells import TypeAgreement, type_agreement
from scgarage.recovery.recommendation import Recommendation, recommend
from scgarage.recovery.result import Recovery

__all__ = [
    "Agreement",
    "MarkerChange",
    "Masked",
    "Recommendation",
    "Recovery",
    "TypeAgreement",
    "agreement",
    "check_imputation",
    "cluster_agreement",
    "correlation",
    "decoy_correlation",
    "decoys",
    "halve",
    "log_fold_changes",
    "marker_change",
    "mask_entries",
    "matched_clusters",
    "recommend",
    "share_different",
    "thin_counts",
    "type_agreement",
]
