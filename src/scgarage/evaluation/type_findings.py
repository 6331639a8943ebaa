"""Findings of the verdict about cell types: missing, over- and under-represented ones."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from scgarage.evaluation.findings import CLOSE, COVERAGE_POOR, POOR, SURE, WITH_CARE, Finding, Row, covered
from scgarage.evaluation.settings import RARE_SHARE

__all__ = ["TypeCounts", "missing", "named", "proportions", "scarcely_covered"]

TypeCounts = Mapping[str, Mapping[str, int]]

EXPECTED = 3.0
"""A type with fewer cells to expect can be missing by chance (5 % when three are expected)."""

SHIFT = 1.5
"""A type is over- or under-represented when its share differs by this factor, and by more than chance."""

TV_CLOSE = 0.1
"""Total variation above the floor: one cell in ten. The best generators stay below 0.03."""

NAMED = 5
"""Types that a sentence names at most."""


def missing(type_counts: TypeCounts) -> Finding:
    """Say which real types have no synthetic cell."""
    counts = _shares(type_counts)
    absent = counts[(counts["synthetic"] == 0) & (counts["real"] > 0)]
    expected = absent["real_share"] * counts["synthetic"].sum()
    lost, perhaps = absent[expected >= EXPECTED], absent[expected < EXPECTED]
    if absent.empty:
        return Finding(CLOSE, "Every real type has synthetic cells.")
    sentences = []
    if len(lost):
        sentences.append(f"No synthetic cell of {named(lost.index)}.")
    if len(perhaps):
        sentences.append(
            f"No synthetic cell of {named(perhaps.index)}, of which fewer than {EXPECTED:.0f} were to be "
            "expected in a sample of this size: that may be chance."
        )
    if lost.empty:
        return Finding(CLOSE, " ".join(sentences))
    level = POOR if (lost["real_share"] >= RARE_SHARE).any() else WITH_CARE
    return Finding(level, " ".join(sentences), f"no cells of {named(lost.index)}")


def scarcely_covered(rows: Mapping[str, Row]) -> list[Finding]:
    """Name the rare types of whose held-out cells clearly fewer are covered than by real training cells.

    Parameters
    ----------
    rows
        Rows of coverage by type.
    """
    low = [
        f"{name} ({row['value']:.0%}, real cells {row['floor']:.0%})"
        for name, row in rows.items()
        if covered(row, rare=True).level > CLOSE and row["value"] < COVERAGE_POOR * row["floor"]
    ]
    if not low:
        return []
    return [Finding(WITH_CARE, f"Scarcely covered: {named(low)}.", f"scarcely covered: {named(low)}")]


def proportions(row: Row, type_counts: TypeCounts | None) -> Finding:
    """Say how far type proportions are from the real ones, and in which types."""
    value, floor = row["value"], row["floor"]
    sentence = (
        f"{value:.0%} of the cells would need another type for the proportions of the held-out cells; of "
        f"as many real training cells {floor:.0%} would."
    )
    shifted = "" if type_counts is None else _shifted(_shares(type_counts))
    noise = np.hypot(*np.nan_to_num([row["value_sd"], row["floor_sd"]]))
    if value - floor <= TV_CLOSE or value - floor <= SURE * noise:
        return Finding(CLOSE, f"{sentence}{shifted}")
    advice = (
        " If other proportions were asked for on purpose, judge a sample with the real ones: distance, "
        "coverage and the forests count the difference."
    )
    return Finding(WITH_CARE, f"{sentence}{shifted}{advice}", "type proportions differ from the real ones")


def _shares(type_counts: TypeCounts) -> pd.DataFrame:
    """Return one row for each type, most frequent first, with counts and shares of both kinds of cells."""
    counts = pd.DataFrame({name: pd.Series(type_counts[name], dtype=float) for name in ("real", "synthetic")})
    counts = counts.fillna(0.0).sort_values("real", ascending=False)
    for name in ("real", "synthetic"):
        counts[f"{name}_share"] = counts[name] / max(counts[name].sum(), 1.0)
    return counts


def _shifted(counts: pd.DataFrame) -> str:
    """Name the types whose share is clearly too large or too small; missing ones have their own sentence."""
    real, synthetic = counts["real_share"], counts["synthetic_share"]
    pooled = (counts["real"] + counts["synthetic"]) / (counts["real"].sum() + counts["synthetic"].sum())
    variance = pooled * (1 - pooled) * (1 / counts["real"].sum() + 1 / counts["synthetic"].sum())
    # Three standard errors: about as many types as data sets have are tested at once.
    clear = (synthetic - real).abs() > 3 * np.sqrt(variance)
    words = ""
    for adverb, chosen in (
        ("over", clear & (synthetic > SHIFT * real)),
        ("under", clear & (synthetic < real / SHIFT) & (synthetic > 0)),
    ):
        if chosen.any():
            listed = [
                f"{name} ({row['synthetic_share']:.1%}, not {row['real_share']:.1%})"
                for name, row in counts[chosen].iterrows()
            ]
            words += f" {adverb.capitalize()}-represented: {named(listed)}."
    return words


def named(names: Sequence[object] | pd.Index) -> str:
    """Join names for a sentence, the first :data:`NAMED` and the number of the others."""
    shown = [str(name) for name in names[:NAMED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
