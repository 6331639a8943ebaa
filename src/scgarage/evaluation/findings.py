"""Single findings of the verdict: what one number says, how bad it is, and in which words.

The limits come from tables of some dozen generators on two data sets (blood, about 2,600 and 8,600 cells)
that were measured before this package, by a similar protocol. Generators that differ from each other by no
more than chance stay within the ``CLOSE`` limits; collapsed ones end beyond the ``POOR`` limits, undertrained
ones mostly between. They are conventions for words, not tests: read the numbers beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from scgarage.evaluation.settings import THEORY

__all__ = [
    "CLOSE",
    "COVERAGE_POOR",
    "POOR",
    "SURE",
    "WITH_CARE",
    "Finding",
    "Row",
    "beside_noise",
    "copying",
    "covered",
    "distance",
    "told_apart",
]

CLOSE, WITH_CARE, POOR = 0, 1, 2

TOLD_CLOSE, TOLD_POOR = 0.3, 0.8
"""Share of the way from the floor's AUROC to 1. With a floor of 0.5: 0.65 and 0.90. Best 0.53-0.63,
undertrained 0.84 and more, collapsed 1.00."""

TOLD_CLOSE_GENES = 0.45
"""The same on single genes, 0.73 with a floor of 0.5. Best 0.57-0.71; usable generators reach 1.00, so this
alone is never poor."""

DISTANCE_CLOSE, DISTANCE_POOR = 1.3, 3.0
"""Sliced Wasserstein distance as a multiple of the floor. Best 0.9-1.3, undertrained 2.2-2.9, collapsed
10-14."""

COVERAGE_CLOSE, COVERAGE_POOR = 0.85, 0.5
"""Coverage as a share of the floor. Best 0.85-0.95, undertrained about 0.4, collapsed 0.04."""

COPIES_POOR = 0.5
"""Memorisation score, halfway to a generator that draws training cells again. SMOTE has 0.95; independent
negative binomial genes about 0 when fitted to 1,300 cells, 0.5 when fitted to 150."""

SURE = 2.0
"""A difference to the floor counts when it is larger than as many standard deviations."""

COPIES_SURE = 3.0
"""The same for memorisation, where splits differ more (standard deviation 0.05) than the repeats of one split
(0.04), and where the claim is a grave one."""

NOISE_POOR = 0.8
"""Mean score of forests and distance. Independent genes 0.9-1.0; negative binomial ones 0.5-0.7."""

Row: TypeAlias = Mapping[str, Any]
"""One row of the table."""


@dataclass(frozen=True)
class Finding:
    """What one number says.

    Attributes
    ----------
    level
        ``CLOSE``, ``WITH_CARE`` or ``POOR``.
    sentence
        The number beside its floor, in words.
    reason
        What the headline says when the level is not ``CLOSE``.
    """

    level: int
    sentence: str
    reason: str = ""


def told_apart(row: Row, *, on_genes: bool = False) -> Finding:
    """Say how well a random forest tells synthetic from held-out cells."""
    value, floor = row["value"], row["floor"]
    way = (value - floor) / max(1 - floor, 0.01)
    on = "single genes" if on_genes else "principal components"
    sentence = (
        f"On {on}, a random forest tells the cells from held-out real ones with an AUROC of {value:.2f}, "
        f"and real training cells with {floor:.2f} (0.50 is chance)."
    )
    reason = f"a random forest on {on} recognises them (AUROC {value:.2f})"
    if way <= (TOLD_CLOSE_GENES if on_genes else TOLD_CLOSE) or not _beyond_noise(row):
        return Finding(CLOSE, sentence)
    return Finding(POOR if way >= TOLD_POOR and not on_genes else WITH_CARE, sentence, reason)


def distance(row: Row) -> Finding:
    """Say how many times further than real training cells the synthetic ones are from held-out cells."""
    ratio = row["value"] / max(row["floor"], np.finfo(float).tiny)
    sentence = f"The distance to held-out cells (sliced Wasserstein) is {ratio:.1f} times the floor."
    reason = f"{ratio:.1f} times as far from held-out cells as real cells are"
    if ratio <= DISTANCE_CLOSE or not _beyond_noise(row):
        return Finding(CLOSE, sentence)
    return Finding(POOR if ratio >= DISTANCE_POOR else WITH_CARE, sentence, reason)


def beside_noise(scores: Sequence[float]) -> Finding:
    """Say where between real cells and independent genes forests and distance put the cells.

    Parameters
    ----------
    scores
        Scores of the forests and of the distance: 0 real cells, 1 independent genes.
    """
    score = float(np.mean(scores))
    sentence = (
        "From 0 (real cells) to 1 (genes drawn independently of each other, given the type), forests and "
        f"distance together put the cells at {score:.2f}."
    )
    return Finding(POOR if score >= NOISE_POOR else CLOSE, sentence, "hardly better than genes drawn independently")


def covered(row: Row, *, rare: bool = False) -> Finding:
    """Say which share of held-out cells (or of those of rare types) has a synthetic cell nearby."""
    value, floor = row["value"], row["floor"]
    cells = "held-out cells of rare types" if rare else "held-out cells"
    sentence = (
        f"{value:.0%} of the {cells} have a synthetic cell in their neighbourhood; "
        f"{floor:.0%} have a real training cell there."
    )
    reason = f"they cover {value:.0%} of the {cells} (real cells: {floor:.0%})"
    if value >= COVERAGE_CLOSE * floor or not _beyond_noise(row):
        return Finding(CLOSE, sentence)
    # A handful of rare held-out cells can raise a concern and not condemn the whole.
    return Finding(POOR if value < COVERAGE_POOR * floor and not rare else WITH_CARE, sentence, reason)


def copying(row: Row, *, collapsed: bool) -> Finding:
    """Say whether synthetic cells lie nearer to training than to held-out cells.

    Parameters
    ----------
    row
        Row of the memorisation share.
    collapsed
        Whether coverage is poor: then few places decide which real cells are near.
    """
    value, floor = row["value"], row["floor"]
    # The samples of the repeats overlap, so their spread is not divided by the number of repeats.
    noise = max(float(np.nan_to_num(row["value_sd"])), 0.5 / np.sqrt(row["n_cells"]))
    low, high = max(value - SURE * noise, 0.0), min(value + SURE * noise, 1.0)
    fresh = "" if THEORY in str(row.get("note")) else f", of fresh real cells {floor:.0%}"
    measured = (
        f"{value:.0%} of the cells ({low:.0%} to {high:.0%}) lie nearer to training than to held-out cells"
        f"{fresh} (50% without copying)"
    )
    clear = COPIES_SURE * float(np.hypot(noise, np.nan_to_num(row["floor_sd"])))
    level = POOR if row["score"] >= COPIES_POOR else WITH_CARE
    if value < min(floor, 0.5) - clear:
        reason = f"{1 - value:.0%} lie nearer to held-out than to training cells, as if made from them"
        return Finding(level, f"{measured}: the model may have seen the held-out cells.", reason)
    if value <= max(floor, 0.5) + clear:
        if low > 0.5:
            return Finding(CLOSE, f"{measured}: more than half, but no more than splits differ by; run the audit.")
        return Finding(CLOSE, f"{measured}: no clear sign of copying.")
    reason = f"{value:.0%} lie nearer to training than to held-out cells (50% without copying)"
    if collapsed:
        doubt = "with so little covered this may only say which real cells happen to lie near them"
        return Finding(WITH_CARE, f"{measured}: a sign of copying, but {doubt}.", reason)
    return Finding(level, f"{measured}: a sign of copying or overfitting.", reason)


def _beyond_noise(row: Row) -> bool:
    """Whether value and floor differ by more than their spread over repeats explains."""
    noise = np.hypot(*np.nan_to_num([row["value_sd"], row["floor_sd"]]))
    return bool(abs(row["value"] - row["floor"]) > SURE * noise)
