"""What the numbers of an evaluation say, in plain words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

import pandas as pd

from scgarage.evaluation.findings import (
    CLOSE,
    POOR,
    WITH_CARE,
    Finding,
    beside_noise,
    copying,
    covered,
    distance,
    told_apart,
)
from scgarage.evaluation.table import FEW_CELLS, NO_COUNTS, TOO_FEW_MATCHED
from scgarage.evaluation.type_findings import TypeCounts, missing, named, proportions, scarcely_covered

__all__ = ["Level", "Verdict", "verdict"]

Level: TypeAlias = Literal["close", "usable with care", "poor"]
"""How the synthetic cells as a whole compare with real ones."""

LEVELS: dict[int, Level] = {CLOSE: "close", WITH_CARE: "usable with care", POOR: "poor"}

REASONS = 3
"""Reasons that the headline gives at most."""

AGAINST_NOISE = ("c2st_forest", "c2st_forest_genes", "sliced_wasserstein")
"""Metrics whose scores together say whether the cells beat independent genes."""


@dataclass(frozen=True)
class Verdict:
    """An evaluation in words.

    Attributes
    ----------
    headline
        The level and what it rests on.
    sentences
        One for each thing that was, or could not be, judged.
    level
        ``"close"``, ``"usable with care"`` or ``"poor"``: the worst of what was judged.
    """

    headline: str
    sentences: list[str]
    level: Level

    def __str__(self) -> str:
        return "\n".join([self.headline, *(f"- {sentence}" for sentence in self.sentences)])


def verdict(table: pd.DataFrame, *, type_counts: TypeCounts | None = None, notes: Sequence[str] = ()) -> Verdict:
    """Put the numbers of an evaluation into words.

    Parameters
    ----------
    table
        Table of an :class:`~scgarage.evaluation.Evaluation`.
    type_counts
        Cells of each type, ``{"real": {type: n}, "synthetic": {type: n}}``; without it no types are named.
    notes
        Further sentences that a reader should see.

    Returns
    -------
    Verdict
        Words that claim no more than the floor supports: a difference to real training cells within the
        noise is not called one.
    """
    findings = _findings(table, type_counts)
    judged = bool(findings)
    findings += [] if type_counts is None else [missing(type_counts)]
    level = max([finding.level for finding in findings] + ([] if judged else [WITH_CARE]))
    sentences = [finding.sentence for finding in findings]
    sentences += _not_judged(table) + [f"{note[:1].upper()}{note[1:]}." for note in notes]
    return Verdict(_headline(level, findings), sentences, LEVELS[level])


def _findings(table: pd.DataFrame, type_counts: TypeCounts | None) -> list[Finding]:
    """Judge every row that a sentence exists for and that was measured."""
    measured = table[table["value"].notna()]
    rows: dict[tuple[Any, Any], Any] = {(row["metric"], row["group"]): row for _, row in measured.iterrows()}
    everywhere = rows.get(("coverage", "all"))
    collapsed = everywhere is not None and covered(everywhere).level == POOR
    judges: dict[tuple[str, str], Callable[[Any], Finding]] = {
        ("c2st_forest", "all"): told_apart,
        ("c2st_forest_genes", "all"): partial(told_apart, on_genes=True),
        ("sliced_wasserstein", "all"): distance,
        ("coverage", "all"): covered,
        ("coverage", "rare"): partial(covered, rare=True),
        ("type_proportion_tv", "all"): partial(proportions, type_counts=type_counts),
        ("memorisation_share", "all"): partial(copying, collapsed=collapsed),
    }
    findings = [judge(rows[key]) for key, judge in judges.items() if key in rows]
    scores = [rows[name, "all"]["score"] for name in AGAINST_NOISE if (name, "all") in rows]
    known = [score for score in scores if pd.notna(score)]
    findings += [beside_noise(known)] if known else []
    types = {group: row for (metric, group), row in rows.items() if metric == "coverage"}
    findings += scarcely_covered({name: types[name] for name in types if name not in {"all", "rare"}})
    return findings


def _not_judged(table: pd.DataFrame) -> list[str]:
    """Say what the numbers of cells do not allow; notes in the table say what else has no number."""
    sentences = []
    few = table[table["value"].isna() & ~table["note"].isin([NO_COUNTS, TOO_FEW_MATCHED])]
    for title, rows in few.groupby("title", sort=False):
        groups = [f"{row['group']} ({row['n_cells']})" for _, row in rows.iterrows()]
        sentences.append(f"{title}: too few held-out cells to say for {named(groups)}.")
    n_compared = table.loc[table["group"] == "all", "n_cells"].max()
    if n_compared < FEW_CELLS:
        sentences.append(f"Only {n_compared} cells were compared per repeat: all numbers are rough.")
    return sentences


def _headline(level: int, findings: list[Finding]) -> str:
    worst = sorted((finding for finding in findings if finding.level > CLOSE), key=lambda f: -f.level)
    if level == CLOSE:
        return "Close to real cells: none of the checks finds more than a small difference."
    if not worst:
        return "Not judged: none of the metrics that the verdict rests on was computed."
    reasons = "; ".join(finding.reason for finding in worst[:REASONS])
    return f"{LEVELS[level].capitalize()}: {reasons}."
