"""What synthetic cells are good for: finding rare cells, against mandatory comparators; and what they are not for."""

from scgarage.utility.augmenter import Augmenter, poisson_by_type
from scgarage.utility.comparators import COMPARATORS
from scgarage.utility.de_guard import DENullCheck, de_null_check
from scgarage.utility.loras import loras
from scgarage.utility.pipelines import PIPELINES
from scgarage.utility.result import RareUtility
from scgarage.utility.run import rare_utility
from scgarage.utility.scores import SCORES
from scgarage.utility.settings import QUICK, UtilitySettings
from scgarage.utility.wilcoxon import wilcoxon

__all__ = [
    "COMPARATORS",
    "PIPELINES",
    "QUICK",
    "SCORES",
    "Augmenter",
    "DENullCheck",
    "RareUtility",
    "UtilitySettings",
    "de_null_check",
    "loras",
    "poisson_by_type",
    "rare_utility",
    "wilcoxon",
]
