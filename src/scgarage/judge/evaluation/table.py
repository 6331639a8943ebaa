"""From the values of every repeat to one tidy row for each metric and group."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from scgarage.judge.evaluation.cells import THEORY
from scgarage.judge.evaluation.comparison import MIN_FRESH, MIN_MATCHED, ROLES, Record, Role
from scgarage.judge.evaluation.inputs import Inputs
from scgarage.metrics import METRICS, Metric
from scgarage.metrics.metric import Better, loss

COLUMNS = (
    "metric",
    "title",
    "group",
    "value",
    "value_sd",
    "floor",
    "floor_sd",
    "null",
    "null_sd",
    "score",
    "better",
    "n_repeats",
    "n_cells",
    "note",
)
"""Columns of the table, in order."""

FEW_CELLS = 20
"""Below as many cells in a sample a note says that the numbers are rough."""
TOO_FEW = "too few cells to say"
TOO_FEW_MATCHED = f"{TOO_FEW} (held-out, training and synthetic cells: at least"
NO_COUNTS = "library sizes are not known: the values are log-normalised"


def summarise(repeats: list[list[Record]], inputs: Inputs, *, fresh: bool) -> pd.DataFrame:
    """Average over repeats.

    Parameters
    ----------
    repeats
        Records of each repeat, the same metrics and groups in the same order.
    inputs
        Where notes about the data come from.
    fresh
        Whether the memorisation floor was measured.

    Returns
    -------
    pandas.DataFrame
        The columns :data:`COLUMNS`. Standard deviations (divisor n - 1) are over repeats, NaN with one
        repeat.
    """
    rows = [_row(list(records), inputs, fresh) for records in zip(*repeats, strict=True)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(records: list[Record], inputs: Inputs, fresh: bool) -> dict[str, object]:
    metric = METRICS[records[0].metric]
    numbers = pd.DataFrame([record.numbers for record in records], columns=list(ROLES), dtype=np.float64).dropna()
    n_cells = round(float(np.mean([record.n_cells for record in records])))
    means = {role: float(numbers[role].mean()) for role in ROLES}
    deviations = {role: float(numbers[role].std()) for role in ROLES}
    row: dict[str, object] = {
        "metric": records[0].metric,
        "title": metric.title,
        "group": records[0].group,
        "better": metric.better,
        "n_repeats": len(numbers),
        "n_cells": n_cells,
        "score": score(means, deviations, metric.better),
    }
    for role in ROLES:
        row |= {role: means[role], f"{role}_sd": deviations[role]}
    row["note"] = "; ".join(_notes(metric, row, inputs, fresh))
    return row


def score(means: Mapping[Role, float], deviations: Mapping[Role, float], better: Better) -> float:
    r"""Place a value between its floor and its null.

    .. math:: s = \frac{v - f}{n - f}

    with value :math:`v`, floor :math:`f` and null :math:`n`: 0 is as good as real cells, 1 no better than
    the null. Where a metric has a target, such as 0.5, each of the three is first replaced by its distance to
    it, so that falling short of the target counts like overshooting it: cells made from the held-out ones fall
    short. Below 0 the synthetic cells are closer to the held-out ones than real training cells are.
    """
    value, floor, null = (loss(means[role], better) for role in ROLES)
    noise = np.hypot(*np.nan_to_num([deviations["floor"], deviations["null"]]))
    if not null - floor > 2 * noise:
        return float("nan")
    return float((value - floor) / (null - floor)) + 0.0  # never -0.0


def _notes(metric: Metric, row: Mapping[str, object], inputs: Inputs, fresh: bool) -> list[str]:
    n_cells, measured = row["n_cells"], row["n_repeats"]
    uses = {form for _, form in metric.arguments}
    if not measured:
        return [_missing(metric, uses, n_cells, inputs)]
    predicted = "labels" in uses and not inputs.labelled
    normal = metric.null == "poisson" and inputs.value_kind != "counts"
    theory = metric.space == "memorisation" and not fresh
    indistinct = bool(np.isnan(row["score"]))  # type: ignore[call-overload]
    few = row["group"] == "all" and int(str(n_cells)) < FEW_CELLS
    return [
        text
        for applies, text in (
            (predicted, "types of the synthetic cells predicted by a classifier trained on real cells"),
            (normal, "null: independent normal log values, for want of counts"),
            (theory, f"{THEORY}: fewer than {MIN_FRESH} validation cells"),
            (indistinct, "no score: floor and null differ by no more than their noise"),
            (few, f"only {n_cells} cells per repeat: a rough number"),
        )
        if applies
    ]


def _missing(metric: Metric, uses: set[str], n_cells: object, inputs: Inputs) -> str:
    """Say why there is no number."""
    if "totals" in uses and inputs.value_kind != "counts":
        return NO_COUNTS
    if metric.matched:
        return f"{TOO_FEW_MATCHED} {max(metric.min_cells, MIN_MATCHED)} of a type each)"
    return f"{TOO_FEW} ({n_cells} held-out cells)"
