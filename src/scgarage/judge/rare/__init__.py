"""What synthetic cells are good for: finding rare cells, against mandatory comparators; and what they are not for."""

from scgarage.judge.rare.augmenters import COMPARATORS, Augmenter, loras, poisson_by_type
from scgarage.judge.rare.differential_tests import DENullCheck, de_null_check, wilcoxon
from scgarage.judge.rare.pipelines import PIPELINES
from scgarage.judge.rare.result import RareUtility
from scgarage.judge.rare.run import rare_utility
from scgarage.judge.rare.scores import QUICK, SCORES, UtilitySettings

__all__ = [
    "COMPARATORS", "PIPELINES", "QUICK", "SCORES", "Augmenter", "DENullCheck", "RareUtility", "UtilitySettings",
    "de_null_check", "loras", "poisson_by_type", "rare_utility", "wilcoxon",
]  # fmt: skip
