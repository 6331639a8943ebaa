"""The privacy audit: what synthetic cells tell about the cells that a model was trained on."""

from scgarage.privacy.attacks import ATTACKS
from scgarage.privacy.distance_attack import distance_attack
from scgarage.privacy.distance_ratio import distance_ratio
from scgarage.privacy.domias import domias
from scgarage.privacy.exact_copies import exact_copies
from scgarage.privacy.gan_leaks import gan_leaks
from scgarage.privacy.near_copies import near_copies
from scgarage.privacy.require import require_pass
from scgarage.privacy.result import Audit
from scgarage.privacy.run import audit
from scgarage.privacy.thresholds import THRESHOLDS

__all__ = [
    "ATTACKS",
    "THRESHOLDS",
    "Audit",
    "audit",
    "distance_attack",
    "distance_ratio",
    "domias",
    "exact_copies",
    "gan_leaks",
    "near_copies",
    "require_pass",
]
