"""The tables of the report: metrics by theme, rare types, all types."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from scgarage.io.result import records
from scgarage.metrics import METRICS

NOTHING = "–"
"""Stands where there is no number."""

MOST_DECIMALS = 5


def decimals_for(values: Iterable[float], *, digits: int = 3) -> int:
    """Return the decimals that give the largest of ``values`` about ``digits`` significant digits.

    Examples
    --------
    >>> decimals_for([0.0123, 0.5]), decimals_for([153.2]), decimals_for([float("nan")])
    (3, 0, 2)
    """
    sizes = np.abs(np.array(list(values), dtype=float))
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    if not sizes.size:
        return digits - 1
    return int(np.clip(digits - 1 - np.floor(np.log10(sizes.max())), 0, MOST_DECIMALS))


def number(value: float, decimals: int) -> str:
    """Write a number with thousands separators and a real minus sign; a missing one is a dash.

    Examples
    --------
    >>> number(12345.6, 0), number(-0.0312, 3), number(float("nan"), 2)
    ('12,346', '−0.031', '–')
    """
    if value is None or not np.isfinite(value):
        return NOTHING
    text = f"{value:,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.removeprefix("-")
    return text.replace("-", "−")


def with_sd(value: float, sd: float, decimals: int) -> str:
    """Write a value and, when there is one, its standard deviation.

    Examples
    --------
    >>> with_sd(0.5123, 0.0201, 3), with_sd(0.5, float("nan"), 2)
    ('0.512 ± 0.020', '0.50')
    """
    text = number(value, decimals)
    if text == NOTHING or sd is None or not np.isfinite(sd):
        return text
    return f"{text} ± {number(sd, decimals)}"


def duration(seconds: float) -> str:
    """Write a time in words.

    Examples
    --------
    >>> duration(0.51), duration(42), duration(760), duration(8000)
    ('0.5 s', '42 s', '12 min 40 s', '2 h 13 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left} min" if hours else f"{minutes} min {rest} s"


@dataclass(frozen=True)
class Light:
    """A light: ``css`` is its class in the page, ``word`` what it says to those who cannot see its colour."""

    css: str
    word: str


LIGHTS = (Light("green", "close"), Light("amber", "with care"), Light("red", "poor"))
"""The lights of a finding's levels, from 0."""

Lights: TypeAlias = Mapping[tuple[str, str], Light]
"""Lights by metric and group."""

DIRECTIONS = {"lower": "↓ lower", "higher": "↑ higher", "target 0.5": "→ 0.5", "target 1": "→ 1"}

THEMES = {
    "pca": (
        "Cells as a whole",
        "On principal components; distances within types on as many cells of each type on every side.",
    ),
    "genes": (
        "Genes",
        "On log1p CP10k, library sizes on counts; spread, fold changes and markers of types on matched numbers of "
        "cells.",
    ),
    "labels": ("Cell types", "On the types of the cells; confirmed labels by a classifier of real cells."),
    "memorisation": ("Copying of training cells", "Nearest neighbours; the floor is that of validation cells."),
    "other": ("Other metrics", "Metrics that this version of the registry does not know."),
}
"""Heading and explanation by where a metric compares cells (``Metric.space``), in the order of the report."""

NULLS = {
    "poisson": "independent genes",
    "one type": "all of one type",
    "shuffled": "types permuted",
    "copy": "training cells again",
}
"""What the null of a metric is, below its number."""

HEADLINES = {
    "coverage": "Coverage",
    "type_sliced_wasserstein": "Distance / floor",
    "type_spread": "Spread",
    "label_fidelity": "Labels confirmed",
    "lfc_slope": "Slope of fold changes",
    "rare_retention": "Share kept",
}
"""Metrics of the tables of types, in their order; for rare ones all others are behind a click."""

IN_FLOORS = "type_sliced_wasserstein"
"""Shown as multiple of its floor: a distance by itself says nothing."""

WHOLE_GROUPS = ("all", "rare")

DECIMALS = 2
"""Decimals of the metrics of the table of rare types, all of the size of 1."""

LONGEST_NOTE = 30
"""Letters of a remark in brackets that a field of a table has room for."""


@dataclass(frozen=True)
class MetricRow:
    """One line of a table, every number already written out."""

    title: str
    group: str
    value: str
    floor: str
    null: str
    null_name: str
    score: str
    place: float | None
    direction: str
    note: str
    has_value: bool
    light: Light | None = None


@dataclass(frozen=True)
class Theme:
    """Metrics that answer the same question."""

    title: str
    explanation: str
    rows: list[MetricRow]


@dataclass(frozen=True)
class Cell:
    """One field of a table: a number, the lines that stand small below it, and its light."""

    text: str
    more: tuple[str, ...] = ()
    light: Light | None = None


@dataclass(frozen=True)
class RareTable:
    """Rare types as rows: numbers of cells and the metrics that matter most; ``rest`` holds the others."""

    parts: list[str]
    metrics: list[str]
    rows: list[tuple[str, list[str], list[Cell]]]
    rest_metrics: list[str]
    rest: list[tuple[str, list[Cell]]]


@dataclass(frozen=True)
class TypeTable:
    """Types as rows: whether rare, numbers of cells in each part, then metrics."""

    parts: list[str]
    metrics: list[str]
    rows: list[tuple[str, bool, list[str], list[Cell]]]


def metric_themes(table: pd.DataFrame, lights: Lights | None = None) -> list[Theme]:
    """Group the rows for all cells and for all rare cells by where cells are compared; types stand apart."""
    rows: dict[str, list[MetricRow]] = {space: [] for space in THEMES}
    for record in records(table[table["group"].isin(WHOLE_GROUPS)]):
        metric = METRICS.get(record["metric"])
        light = (lights or {}).get((record["metric"], record["group"]))
        rows["other" if metric is None else metric.space].append(_row(record, light))
    return [Theme(*THEMES[space], rows=found) for space, found in rows.items() if found]


def rare_types(table: pd.DataFrame) -> list[str]:
    """Return the types that have rows of their own, in the table's order."""
    return [str(group) for group in dict.fromkeys(table["group"]) if group not in WHOLE_GROUPS]


def rare_table(table: pd.DataFrame, counts: pd.DataFrame, lights: Lights | None = None) -> RareTable | None:
    """Lay out the rare types."""
    types = rare_types(table)
    if not types:
        return None
    single = table[table["group"].isin(types)]
    names = list(dict.fromkeys(single["metric"]))
    first = [name for name in HEADLINES if name in names] or names[: len(HEADLINES)]
    later = [name for name in names if name not in first]
    titles = dict(zip(single["metric"], single["title"], strict=True))
    cells = {
        (record["group"], record["metric"]): _cell(record, (lights or {}).get((record["metric"], record["group"])))
        for record in records(single)
    }
    rows, rest = [], []
    for kind in types:
        numbers = [f"{n:,}" for n in counts.reindex([kind], fill_value=0).to_numpy()[0]]
        rows.append((kind, numbers, [cells.get((kind, name), Cell(NOTHING)) for name in first]))
        rest.append((kind, [cells.get((kind, name), Cell(NOTHING)) for name in later]))
    return RareTable(
        parts=[f"{part} cells" for part in counts.columns],
        metrics=[HEADLINES.get(name) or _unbroken(str(titles[name])) for name in first],
        rows=rows,
        rest_metrics=[_unbroken(str(titles[name])) for name in later],
        rest=rest if later else [],
    )


def type_table(counts: pd.DataFrame, by_type: pd.DataFrame, rare: Collection[str] = ()) -> TypeTable:
    """Lay out numbers of cells and the metrics of every type, as far as the evaluation has any."""
    known = set(by_type["metric"])
    metrics = [metric for metric in HEADLINES if metric in known]
    numbers = {(str(row["type"]), str(row["metric"])): row for row in records(by_type)}
    rows = []
    for name, *sizes in counts.itertuples():
        cells = [_type_cell(metric, numbers.get((str(name), metric))) for metric in metrics]
        rows.append((str(name), str(name) in rare, [f"{n:,}" for n in sizes], cells))
    return TypeTable([str(part) for part in counts.columns], [HEADLINES[metric] for metric in metrics], rows)


def _type_cell(metric: str, row: Mapping[str, Any] | None) -> Cell:
    if row is None:
        return Cell(NOTHING)
    value, floor = float(row["value"]), float(row["floor"])
    if metric == IN_FLOORS and floor > 0:
        return Cell(number(value / floor, DECIMALS), (f"{number(value, DECIMALS)} / {number(floor, DECIMALS)}",))
    return Cell(number(value, DECIMALS), (f"floor {number(floor, DECIMALS)}",))


def _unbroken(title: str) -> str:
    """Keep "k = 5" on one line."""
    return title.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _row(record: Mapping[str, Any], light: Light | None) -> MetricRow:
    decimals = decimals_for([record["value"], record["floor"], record["null"]])
    score = record["score"]
    return MetricRow(
        title=_unbroken(str(record["title"])),
        group=str(record["group"]),
        value=with_sd(record["value"], record["value_sd"], decimals),
        floor=with_sd(record["floor"], record["floor_sd"], decimals),
        null=with_sd(record["null"], record["null_sd"], decimals),
        null_name=_null_name(record),
        score=number(score, 2 if abs(score) < 10 else 0),
        place=float(np.clip(score, 0, 1)) if np.isfinite(score) else None,
        direction=DIRECTIONS.get(record["better"], str(record["better"])),
        note=_text(record["note"]),
        has_value=bool(np.isfinite(record["value"])),
        light=light,
    )


def _null_name(record: Mapping[str, Any]) -> str:
    metric = METRICS.get(record["metric"])
    if metric is None:
        return ""
    # Without counts the independent genes are normal; the note of the row says so.
    return NULLS.get(metric.null, metric.null)


def _cell(record: Mapping[str, Any], light: Light | None) -> Cell:
    if not np.isfinite(record["value"]):
        text, _, more = (
            (_text(record["note"]) or NOTHING).replace("too few cells to say", "too few cells").partition(" (")
        )
        return Cell(text, (more.removesuffix(")"),) if 0 < len(more) < LONGEST_NOTE else ())
    if record["metric"] == IN_FLOORS and record["floor"] > 0:
        record = _in_floors(record)
    small = record["metric"] in HEADLINES
    decimals = DECIMALS if small else decimals_for([record["value"], record["floor"], record["null"]])
    floor, null = number(record["floor"], decimals), number(record["null"], decimals)
    below = (f"floor {floor}", f"null {null}")
    return Cell(with_sd(record["value"], record["value_sd"], decimals), below, light)


def _in_floors(record: Mapping[str, Any]) -> dict[str, Any]:
    """Divide by the floor, so that 1 is as near as real cells are."""
    numbers = {name: record[name] / record["floor"] for name in ("value", "value_sd", "floor", "null")}
    return dict(record) | numbers
