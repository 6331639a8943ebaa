"""Names of what scgarage reads and writes in AnnData, in one place."""

from typing import Literal, TypeAlias

ValueKind: TypeAlias = Literal["counts", "log-normalised", "scaled", "unknown"]
"""What the values of an expression matrix are."""

UNS_KEY = "scgarage"
"""Slot of ``uns`` that holds everything scgarage writes about a data set."""

COUNTS_LAYER = "counts"
"""Layer that holds integer counts."""

SIMULATION = "simulation"
"""Part of that slot that says how cells with a known truth were simulated."""

SOURCE_KEY = "source"
"""Column of ``obs`` that tells real from synthetic cells."""

REAL = "real"
SYNTHETIC = "synthetic"

UNSURE = "unsure"
"""Label of a synthetic cell that no cell type explains with enough probability."""

CHECKPOINT_FILE = "state.safetensors"
"""File in a checkpoint folder that holds the running state of a training."""


def probability_key(labels_key: str) -> str:
    """Return the ``obs`` column that holds the probability of each synthetic cell's label."""
    return f"{labels_key}_probability"


AUDIT_CHECKS = {
    "exact_copies": "Exact copies of training cells",
    "near_copies": "Near copies of training cells",
    "distance_ratio": "Distance to training over distance to held-out cells (nearest tenth)",
    "memorisation_share": "Share nearer to training than to held-out cells",
    "distance_auroc": "Distance attack, AUROC",
    "distance_tpr": "Distance attack, true positives at 1 % false positives",
    "gan_leaks_auroc": "Calibrated GAN-leaks, AUROC",
    "gan_leaks_tpr": "Calibrated GAN-leaks, true positives at 1 % false positives",
    "domias_auroc": "DOMIAS, AUROC",
    "domias_tpr": "DOMIAS, true positives at 1 % false positives",
}
"""What readers see for the checks that the record of an audit holds."""

AUDIT_GROUPS = {"all": "all cells", "rare": "cells of rare types", "seeds": "seed cells", "donors": "donors"}
"""What readers see for the groups of cells in the record of an audit."""
