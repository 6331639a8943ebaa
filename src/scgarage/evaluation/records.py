"""The numbers of one repeat, for all cells and for rare types."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scgarage.evaluation.comparison import Comparison, Role, measure
from scgarage.metrics import Metric

__all__ = ["ROLES", "Record", "measure_all"]

ROLES: tuple[Role, ...] = ("value", "floor", "null")

_NOT_MEASURED: dict[Role, float] = dict.fromkeys(ROLES, np.nan)


@dataclass(frozen=True)
class Record:
    """The numbers of one metric and group in one repeat.

    Attributes
    ----------
    metric
        Registry name.
    group
        ``"all"``, ``"rare"`` or a type.
    n_cells
        Held-out cells of the group.
    numbers
        Value, floor and null; NaN when there are too few cells to say.
    """

    metric: str
    group: str
    n_cells: int
    numbers: Mapping[Role, float]


def measure_all(metrics: Mapping[str, Metric], comparison: Comparison, rare_types: tuple[str, ...]) -> list[Record]:
    """Compute every metric, and for rare types those that can be."""
    rows = {"all": _overall, "rare": _masked, "types": _by_type}
    return [
        record
        for name, metric in metrics.items()
        for record in rows[metric.groups](name, metric, comparison, rare_types)
    ]


def _overall(name: str, metric: Metric, comparison: Comparison, _: tuple[str, ...]) -> Iterator[Record]:
    """Yield the row for all cells."""
    yield Record(name, "all", len(comparison.holdout.labels), measure(metric, comparison))


def _masked(name: str, metric: Metric, comparison: Comparison, rare_types: tuple[str, ...]) -> Iterator[Record]:
    """Yield the row for all cells and rows of a metric that takes a mask."""
    yield from _overall(name, metric, comparison, rare_types)
    labels = comparison.holdout.labels
    for group, types in _groups(rare_types).items():
        mask = np.isin(labels, types)
        n_cells = int(mask.sum())
        enough = n_cells >= metric.min_cells
        yield Record(name, group, n_cells, measure(metric, comparison, mask=mask) if enough else _NOT_MEASURED)


def _by_type(name: str, metric: Metric, comparison: Comparison, rare_types: tuple[str, ...]) -> Iterator[Record]:
    """Yield rows that are means over the values of types; a type that a side lacks counts on none."""
    labels = (comparison.matched if metric.matched else comparison).holdout.labels
    counts = _counts(labels, metric.min_cells)
    values = measure(metric, comparison) if counts else {}
    known = [
        type_name for type_name in counts if all(np.isfinite(values[role].get(type_name, np.nan)) for role in ROLES)
    ]
    for group, types in ({"all": tuple(counts)} | _groups(rare_types)).items():
        chosen = [type_name for type_name in known if type_name in types]
        numbers: dict[Role, float] = {
            role: float(np.mean([values[role][type_name] for type_name in chosen])) for role in ROLES if chosen
        }
        n_cells = sum(counts.get(type_name, 0) for type_name in types)
        yield Record(name, group, n_cells, numbers or _NOT_MEASURED)


def _groups(rare_types: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the types of each group: the rare ones together, then each."""
    return {"rare": rare_types} | {name: (name,) for name in rare_types} if rare_types else {}


def _counts(labels: NDArray[np.str_], min_cells: int) -> dict[str, int]:
    types, counts = np.unique(labels, return_counts=True)
    return {str(name): int(n) for name, n in zip(types, counts, strict=True) if n >= min_cells}
