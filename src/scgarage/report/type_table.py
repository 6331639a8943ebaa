"""The table of all cell types."""

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from scgarage.report.tables import DECIMALS, HEADLINES, IN_FLOORS, NOTHING, Cell, number
from scgarage.report.type_judgement import TYPE_METRICS, TypeJudgement

__all__ = ["TypeTable", "type_table"]


@dataclass(frozen=True)
class TypeTable:
    """Types as rows: whether rare, numbers of cells in each part, then metrics."""

    parts: list[str]
    metrics: list[str]
    rows: list[tuple[str, bool, list[str], list[Cell]]]


def type_table(counts: pd.DataFrame, judged: TypeJudgement | None, rare: Collection[str] = ()) -> TypeTable:
    """Write down the numbers of cells and, where the judge could say, the metrics of every type."""
    metrics = list(TYPE_METRICS) if judged is not None else []
    rows = []
    for name, *numbers in counts.itertuples():
        cells = [_cell(judged, str(name), metric) for metric in metrics]
        rows.append((str(name), str(name) in rare, [f"{n:,}" for n in numbers], cells))
    return TypeTable([str(part) for part in counts.columns], [HEADLINES[metric] for metric in metrics], rows)


def _cell(judged: TypeJudgement | None, name: str, metric: str) -> Cell:
    if judged is None or (name, metric) not in judged.numbers.index:
        return Cell(NOTHING)
    row = judged.numbers.to_dict("index")[name, metric]
    value, floor = float(row["value"]), float(row["floor"])
    if metric == IN_FLOORS and floor > 0:
        return Cell(number(value / floor, DECIMALS), (f"{number(value, DECIMALS)} / {number(floor, DECIMALS)}",))
    return Cell(number(value, DECIMALS), (f"floor {number(floor, DECIMALS)}",))
