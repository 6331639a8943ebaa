"""Tables of a report, as rows that the template writes down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from scgarage.metrics import METRICS
from scgarage.report.numbers import NOTHING, decimals_for, number, with_sd

__all__ = [
    "CompositionTable",
    "MetricRow",
    "RareTable",
    "Theme",
    "composition_table",
    "metric_themes",
    "rare_table",
    "rare_types",
]

DIRECTIONS = {
    "lower": "↓ lower",
    "higher": "↑ higher",
    "target 0.5": "→ 0.5",
    "target 1": "→ 1",
}

THEMES = {
    "pca": (
        "Cells as a whole",
        "Computed on principal components; the null has independent genes in each type.",
    ),
    "genes": ("Genes", "Computed on log1p CP10k; the null has independent genes in each type."),
    "labels": (
        "Cell types",
        "Computed on the labels; the null gives every cell the commonest type, or permutes the types.",
    ),
    "memorisation": ("Copying of training cells", "The null is training cells drawn again: a perfect copy."),
    "other": ("Other metrics", "Metrics that this version of the registry does not know."),
}
"""Heading and explanation by what a metric is given (``Metric.space``), in the order of the report."""

WHOLE_GROUPS = ("all", "rare")


@dataclass(frozen=True)
class MetricRow:
    """One line of a table, every number already written out."""

    title: str
    group: str
    value: str
    floor: str
    null: str
    score: str
    place: float | None
    direction: str
    note: str
    has_value: bool


@dataclass(frozen=True)
class Theme:
    """Metrics that answer the same question."""

    title: str
    explanation: str
    rows: list[MetricRow]


@dataclass(frozen=True)
class RareTable:
    """Rare types as rows; numbers of cells, then metrics as ``(value, floor and null)``."""

    parts: list[str]
    metrics: list[str]
    rows: list[tuple[str, list[str], list[tuple[str, str]]]]


@dataclass(frozen=True)
class CompositionTable:
    """Cell types as rows, numbers of cells in each part as columns."""

    parts: list[str]
    rows: list[tuple[str, list[str]]]


def metric_themes(table: pd.DataFrame) -> list[Theme]:
    """Group the rows for all cells and for all rare cells by what the metric is given; types stand apart."""
    rows: dict[str, list[MetricRow]] = {space: [] for space in THEMES}
    for record in _records(table[table["group"].isin(WHOLE_GROUPS)]):
        metric = METRICS.get(record["metric"])
        rows["other" if metric is None else metric.space].append(_row(record))
    return [Theme(*THEMES[space], rows=found) for space, found in rows.items() if found]


def rare_types(table: pd.DataFrame) -> list[str]:
    """Return the types that have rows of their own, in the table's order."""
    return [str(group) for group in dict.fromkeys(table["group"]) if group not in WHOLE_GROUPS]


def rare_table(table: pd.DataFrame, counts: pd.DataFrame) -> RareTable | None:
    """Lay out the rare types.

    Parameters
    ----------
    table
        Table of an evaluation.
    counts
        Numbers of cells, types as rows, parts as columns.

    Returns
    -------
    One row a rare type: its cells in each part and, for each metric, the value with its floor and null;
    ``None`` without rare types.
    """
    types = rare_types(table)
    if not types:
        return None
    single = table[table["group"].isin(types)]
    titles = list(dict.fromkeys(single["title"]))
    cells = {(record["group"], record["title"]): _cell(record) for record in _records(single)}
    rows = []
    for name in types:
        numbers = [f"{n:,}" for n in counts.reindex([name], fill_value=0).to_numpy()[0]]
        rows.append((name, numbers, [cells.get((name, title), (NOTHING, "")) for title in titles]))
    parts = [f"{part} cells" for part in counts.columns]
    return RareTable(parts=parts, metrics=[_unbroken(title) for title in titles], rows=rows)


def composition_table(counts: pd.DataFrame) -> CompositionTable:
    """Write down numbers of cells, types as rows and parts as columns."""
    rows = [(str(name), [f"{n:,}" for n in numbers]) for name, *numbers in counts.itertuples()]
    return CompositionTable(parts=[str(part) for part in counts.columns], rows=rows)


def _records(table: pd.DataFrame) -> Sequence[Mapping[str, Any]]:
    return table.to_dict("records")  # type: ignore[return-value]


def _unbroken(title: str) -> str:
    """Keep "k = 5" on one line."""
    return title.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _row(record: Mapping[str, Any]) -> MetricRow:
    decimals = decimals_for([record["value"], record["floor"], record["null"]])
    score = record["score"]
    return MetricRow(
        title=_unbroken(str(record["title"])),
        group=str(record["group"]),
        value=with_sd(record["value"], record["value_sd"], decimals),
        floor=with_sd(record["floor"], record["floor_sd"], decimals),
        null=with_sd(record["null"], record["null_sd"], decimals),
        score=number(score, 2 if abs(score) < 10 else 0),
        place=float(np.clip(score, 0, 1)) if np.isfinite(score) else None,
        direction=DIRECTIONS.get(record["better"], str(record["better"])),
        note=_text(record["note"]),
        has_value=bool(np.isfinite(record["value"])),
    )


def _cell(record: Mapping[str, Any]) -> tuple[str, str]:
    if not np.isfinite(record["value"]):
        return _text(record["note"]) or NOTHING, ""
    decimals = decimals_for([record["value"], record["floor"], record["null"]])
    floor, null = number(record["floor"], decimals), number(record["null"], decimals)
    return with_sd(record["value"], record["value_sd"], decimals), f"floor {floor}, null {null}"
