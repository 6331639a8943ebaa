"""Whether to impute, decided by a rule."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pandas as pd

__all__ = ["Advice", "Recommendation", "recommend"]

Advice: TypeAlias = Literal["impute", "only to look at", "do not impute"]

GAIN = 0.01
"""Least gain in the correlation with held-out molecules."""

ARI_LOSS = 0.02
"""Largest loss of agreement between clusters and types."""

RISE = 1.2
"""Largest factor by which false signals may exceed those without imputation."""

LEVEL = 0.05
"""Share of false differences that the test allows by itself."""

Rows: TypeAlias = dict[str, dict[str, float]]

IN_WORDS = {
    "false_de": "differences between random halves of one type",
    "false_de_apart": "differences between halves that were imputed apart",
    "false_de_told": "differences between halves that it was told are types",
    "spurious_correlation": "correlations of genes that have nothing to do with each other",
}


@dataclass(frozen=True)
class Recommendation:
    """What to do.

    Attributes
    ----------
    advice
        ``"impute"``, ``"only to look at"`` or ``"do not impute"``.
    method
        The method it is about, ``"none"`` when there is none.
    sentence
        The advice and what it rests on.
    """

    advice: Advice
    method: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def recommend(table: pd.DataFrame) -> Recommendation:
    """Decide whether to impute.

    A method *helps* when its correlation with held-out molecules (``thinned_correlation``) exceeds that of ``none`` by
    at least 0.01 and its ARI, where types are known, is at most 0.02 below. It is *safe* when no measure of false
    differences exceeds 1.2 times that of ``none`` (or of the test's own level of 0.05, when that is more) and the
    correlation of decoys is at most 1.2 times that of ``none``. What was not measured is not safe. Of the methods that
    help and are safe the one with the highest correlation is recommended; of those that only help, the same, to look
    at; otherwise nothing.

    Parameters
    ----------
    table
        One row for each method, indexed by its name, ``"none"`` among them; columns as those of :class:`Recovery`.

    Returns
    -------
    Advice, method and a sentence.
    """
    rows: Rows = {str(name): {str(key): float(row[key]) for key in table.columns} for name, row in table.iterrows()}
    helpful = [name for name in rows if name != "none" and _helps(rows[name], rows["none"])]
    if not helpful:
        reason = "no method agrees better with held-out molecules than the data themselves without blurring the types"
        return Recommendation("do not impute", "none", f"Do not impute: {reason}.")
    safe = [name for name in helpful if not _dangers(rows[name], rows["none"])]
    best = max(safe or helpful, key=lambda name: rows[name]["thinned_correlation"])
    gain = (
        f"correlation with held-out molecules {rows[best]['thinned_correlation']:.3f}, "
        f"{rows['none']['thinned_correlation']:.3f} without"
    )
    if safe:
        return Recommendation("impute", best, f"'{best}' may be used ({gain}); no false signals were found.")
    dangers = " and ".join(_dangers(rows[best], rows["none"]))
    sentence = (
        f"Do not impute for tests or correlations: '{best}' recovers expression ({gain}), but it makes {dangers}. "
        "Use it to look at cells, nothing else."
    )
    return Recommendation("only to look at", best, sentence)


def _helps(row: Mapping[str, float], without: Mapping[str, float]) -> bool:
    gain = row["thinned_correlation"] - without["thinned_correlation"]
    loss = without.get("ari", math.nan) - row.get("ari", math.nan)
    return gain >= GAIN and not loss > ARI_LOSS  # a loss that was not measured is NaN


def _dangers(row: Mapping[str, float], without: Mapping[str, float]) -> list[str]:
    """Return the false signals that a method makes, in words."""
    found = []
    for column, words in IN_WORDS.items():
        value = row.get(column, math.nan)
        if math.isnan(value):
            if column != "false_de_told":  # measured only for methods that can be told
                found.append(f"perhaps {words} (not measured)")
            continue
        reference = without.get("false_de_apart" if column == "false_de_told" else column, math.nan)
        limit = RISE * reference if column == "spurious_correlation" else RISE * max(reference, LEVEL)
        if not value <= limit:
            found.append(f"{words} ({value:.2g}, {reference:.2g} without)")
    return found
