"""When a check of the audit fails, when it passes, and why there."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["MIN_CELLS", "MIN_DONORS", "MIN_NON_MEMBERS", "NEAR_QUANTILE", "THRESHOLDS", "Threshold"]

MIN_CELLS = 20
"""Fewest members, and fewest non-members, with which an attack is judged: resampling fewer says too little."""

MIN_NON_MEMBERS = 100
"""Fewest non-members with which a false positive rate of 1 % can be seen at all."""

MIN_DONORS = 5
"""Fewest donors on either side when donors are resampled; an interval from fewer is far too narrow."""

NEAR_QUANTILE = 0.01
"""Share of real cells that would be called near copies of other real cells."""


@dataclass(frozen=True)
class Threshold:
    """Limits of one check.

    Attributes
    ----------
    limit
        The check fails when the whole interval lies beyond it: a leak that is not noise.
    excluded
        The check passes when the interval excludes anything worse than this. Between the two nothing can be said.
    worse
        Which way is worse.
    reason
        Why there.
    """

    limit: float
    excluded: float
    worse: Literal["higher", "lower"]
    reason: str

    def judge(self, low: float, high: float) -> bool | None:
        """Return ``False`` for a failure, ``True`` for a pass, ``None`` where the interval allows neither.

        Parameters
        ----------
        low, high
            Bounds of the 95 % interval; NaN allows neither.
        """
        best, worst = (low, high) if self.worse == "higher" else (-high, -low)
        sign = 1 if self.worse == "higher" else -1
        if best > sign * self.limit:
            return False
        return True if worst <= sign * self.excluded else None


_AUROC = Threshold(
    0.55,
    0.60,
    "higher",
    "0.50 is guessing; 0.55 means that a member outranks a non-member in 55 of 100 pairs",
)
_TPR = Threshold(
    0.03,
    0.10,
    "higher",
    "0.01 is guessing; the attacks that matter name a few cells with near certainty (Carlini et al. 2022)",
)

THRESHOLDS: dict[str, Threshold] = {
    "exact_copies": Threshold(0.0, 0.0, "higher", "no cell may be a training cell"),
    "near_copies": Threshold(
        0.03, 0.05, "higher", "real cells have 0.01 by definition; three times as many is not chance"
    ),
    "distance_ratio": Threshold(
        0.95, 0.90, "lower", "1 for fresh cells; 5 % nearer to the training cells is the same scale as an AUROC of 0.55"
    ),
    "memorisation_share": Threshold(0.55, 0.60, "higher", "0.50 for fresh cells; one in twenty cells too many"),
    "distance_auroc": _AUROC,
    "distance_tpr": _TPR,
    "gan_leaks_auroc": _AUROC,
    "gan_leaks_tpr": _TPR,
    "domias_auroc": _AUROC,
    "domias_tpr": _TPR,
}
"""Threshold of every check; conventions, stated before any generator was measured."""
