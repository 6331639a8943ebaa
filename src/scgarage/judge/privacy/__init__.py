"""The privacy audit: what synthetic cells tell about the cells that a model was trained on."""

from scgarage.judge.privacy.attacks import ATTACKS, distance_attack, domias, gan_leaks
from scgarage.judge.privacy.copies import distance_ratio, exact_copies, near_copies
from scgarage.judge.privacy.result import THRESHOLDS, Audit
from scgarage.judge.privacy.run import audit, require_pass

__all__ = [
    "ATTACKS", "THRESHOLDS", "Audit", "audit", "distance_attack", "distance_ratio", "domias", "exact_copies",
    "gan_leaks", "near_copies", "require_pass",
]  # fmt: skip
