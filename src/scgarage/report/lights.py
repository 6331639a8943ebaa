"""Traffic lights, only where a threshold was measured and written down."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from scgarage.evaluation.findings import (
    CLOSE,
    COVERAGE_POOR,
    POOR,
    WITH_CARE,
    Finding,
    copying,
    covered,
    distance,
    told_apart,
)
from scgarage.evaluation.type_findings import TypeCounts, missing, proportions

__all__ = ["WORDS", "Light", "lights", "sentence_lights"]

WORDS = {CLOSE: "close", WITH_CARE: "with care", POOR: "poor"}
"""What a light says to those who cannot see its colour."""


@dataclass(frozen=True)
class Light:
    """A light: ``css`` is its class in the page, ``word`` what it says."""

    css: str
    word: str

    @classmethod
    def of(cls, level: int) -> "Light":
        """Return the light of a level of the verdict."""
        return cls({CLOSE: "green", WITH_CARE: "amber", POOR: "red"}[level], WORDS[level])


def lights(table: pd.DataFrame, type_counts: TypeCounts | None = None) -> dict[tuple[str, str], Light]:
    """Return lights by metric and group, of those metrics alone that the verdict has thresholds for.

    Parameters
    ----------
    table
        Table of an evaluation.
    type_counts
        Cells of each type, as in the settings of the evaluation.
    """
    return {key: Light.of(finding.level) for key, finding in _findings(table, type_counts).items()}


def sentence_lights(table: pd.DataFrame, type_counts: TypeCounts | None = None) -> dict[str, Light]:
    """Return the lights of the verdict's sentences; a sentence without a threshold has none."""
    findings = list(_findings(table, type_counts).values())
    if type_counts and {"real", "synthetic"} <= set(type_counts):
        findings.append(missing(type_counts))
    return {finding.sentence: Light.of(finding.level) for finding in findings}


def _findings(table: pd.DataFrame, type_counts: TypeCounts | None) -> dict[tuple[str, str], Finding]:
    """Judge the rows by the same functions as the verdict."""
    measured = table[table["value"].notna()]
    rows: dict[tuple[str, str], Mapping[str, Any]] = {
        (str(row["metric"]), str(row["group"])): {str(key): value for key, value in row.items()}
        for row in measured.to_dict("records")
    }
    everywhere = rows.get(("coverage", "all"))
    collapsed = everywhere is not None and covered(everywhere).level == POOR
    found = {}
    for (metric, group), row in rows.items():
        finding = _judge(metric, group, row, type_counts, collapsed=collapsed)
        if finding is not None:
            found[metric, group] = finding
    return found


def _judge(
    metric: str, group: str, row: Mapping[str, Any], type_counts: TypeCounts | None, *, collapsed: bool
) -> Finding | None:
    if metric == "coverage" and group != "all":
        finding = covered(row, rare=True)
        # A single type has few cells: the verdict names it only when clearly fewer are covered.
        scarce = group == "rare" or row["value"] < COVERAGE_POOR * row["floor"]
        return finding if scarce else Finding(CLOSE, finding.sentence)
    if group != "all":
        return None
    judges = {
        "c2st_forest": lambda: told_apart(row),
        "c2st_forest_genes": lambda: told_apart(row, on_genes=True),
        "sliced_wasserstein": lambda: distance(row),
        "coverage": lambda: covered(row),
        "type_proportion_tv": lambda: proportions(row, type_counts),
        "memorisation_share": lambda: copying(row, collapsed=collapsed),
    }
    return judges[metric]() if metric in judges else None
