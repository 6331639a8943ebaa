"""What the differences say, in sentences."""

from typing import Any

import numpy as np
import pandas as pd

from scgarage.utility.differences import BEST, MIN_SPLITS
from scgarage.utility.fold_scores import GENERATOR
from scgarage.utility.scores import SCORES

__all__ = ["ENOUGH_SPLITS", "sentences"]

ENOUGH_SPLITS = 20

THRESHOLD = (
    "F1 depends on where a classifier puts its threshold, AUPRC does not: added cells move the threshold towards the "
    "rare type, so F1 can rise although the rare cells are ranked no better, and a threshold set on real training "
    "cells may do the same. Read a difference in F1 beside the one in AUPRC."
)

ONE_TO_BEAT_TEXT = "class-balanced principal components with shrunk LDA, the pipeline to beat"


def sentences(summary: pd.DataFrame, best: pd.DataFrame) -> list[str]:
    """Say whether synthetic cells helped.

    Parameters
    ----------
    summary
        Result of :func:`scgarage.utility.differences.summarise`.
    best
        Result of :func:`scgarage.utility.differences.best_pipelines` for AUPRC.

    Returns
    -------
    list of str
        For each setting: the verdict of the best pipelines, the pipelines in which AUPRC rose or fell, and F1
        that rose without it; then what the numbers cannot say.
    """
    if not len(summary):
        named = [f"{r['setting']}: {_side(r, 'comparator')}" for r in _records(best) if r["against"] == BEST]
        return [f"No synthetic cells took part. Highest AUPRC: {'; '.join(named)}."]
    text = []
    for setting in dict.fromkeys(best["setting"]):
        rows = _records(best[best["setting"] == setting])
        text += [_verdict(row) for row in rows if row["against"] == BEST]
        text += [_one_to_beat(row) for row in rows if row["against"] != BEST]
        here = summary[(summary["setting"] == setting) & (summary["against"] == BEST) & (summary["kind"] == GENERATOR)]
        text += [_by_pipeline(setting, here[here["synthetic"] == name]) for name in dict.fromkeys(here["synthetic"])]
        text += [*_only_f1(setting, here), *_worse_elsewhere(setting, here)]
    return [*text, THRESHOLD, *_limits(summary)]


def direction(row: dict[str, Any]) -> int:
    """Return 1 or -1 when every interval there is lies above or below 0, otherwise 0.

    With several data sets the t interval has to agree with the bootstrap over splits. Too few splits give 0.
    """
    if row["n_splits"] < MIN_SPLITS:
        return 0
    bounds = [(row["low"], row["high"]), (row["t_low"], row["t_high"])]
    measured = [(low, high) for low, high in bounds if np.isfinite(low)]
    if measured and all(low > 0 for low, _ in measured):
        return 1
    return -1 if measured and all(high < 0 for _, high in measured) else 0


def _verdict(row: dict[str, Any]) -> str:
    verdicts = {
        1: "Synthetic cells helped",
        0: "It is not shown that synthetic cells helped",
        -1: "Synthetic cells did not help, the best without them is better",
    }
    sides = f"with them {_side(row, 'synthetic')}, without {_side(row, 'comparator')}"
    return f"{row['setting']}: {verdicts[direction(row)]}. Best AUPRC {sides}; difference {_interval(row)}."


def _one_to_beat(row: dict[str, Any]) -> str:
    outcome = {1: "is beaten by", 0: "is not shown to be beaten by", -1: "beats"}[direction(row)]
    return (
        f"{row['setting']}: {ONE_TO_BEAT_TEXT}, has an AUPRC of {row['comparator_value']:.3f} without a synthetic "
        f"cell and {outcome} the best with them ({row['synthetic']}, {row['pipeline']}): {_interval(row)}."
    )


def _by_pipeline(setting: str, rows: pd.DataFrame) -> str:
    auprc = _records(rows[rows["metric"] == "auprc"])
    name = rows["synthetic"].iloc[0]
    words = {1: "higher", -1: "lower", 0: "not shown to differ"}
    parts = []
    for sign, word in words.items():
        found = [f"{row['pipeline']} {_interval(row)}" for row in auprc if direction(row) == sign]
        parts += [f"{word} for {', '.join(found)}"] if found else []
    return f"{setting}: AUPRC with {name} against the best comparator of each pipeline: {'; '.join(parts)}."


def _only_f1(setting: str, rows: pd.DataFrame) -> list[str]:
    """Name the pipelines in which F1 rose and AUPRC did not."""
    signs = {(row["synthetic"], row["pipeline"], row["metric"]): direction(row) for row in _records(rows)}
    found = [
        f"{name} with {pipeline}"
        for (name, pipeline, metric), sign in signs.items()
        if metric == "f1" and sign == 1 and signs[name, pipeline, "auprc"] != 1
    ]
    if not found:
        return []
    named = f"F1 rose and AUPRC is not shown to have risen ({', '.join(found)})"
    return [f"{setting}: {named}; a moved threshold would explain it."]


def _worse_elsewhere(setting: str, rows: pd.DataFrame) -> list[str]:
    """Name the pipelines whose mean F1 over all types fell."""
    macro = _records(rows[rows["metric"] == "macro_f1"])
    found = [f"{row['synthetic']} with {row['pipeline']} {_interval(row)}" for row in macro if direction(row) == -1]
    if not found:
        return []
    return [f"{setting}: macro-F1 over all types is lower than the best comparator's for {', '.join(found)}."]


def _limits(summary: pd.DataFrame) -> list[str]:
    n_splits, n_data_sets = int(summary["n_splits"].min()), int(summary["n_data_sets"].min())
    n_compared = int((summary["against"] == BEST).sum())
    text = [
        f"Intervals hold 95 % for one comparison each; there are {n_compared} against the best comparator "
        f"({', '.join(SCORES.values())}), and nothing is corrected for their number."
    ]
    if n_splits < ENOUGH_SPLITS:
        text.append(f"With {n_splits} splits instead of {ENOUGH_SPLITS} the differences say little or nothing.")
    if n_data_sets == 1:
        text.append("One data set says nothing about others: its intervals are over splits of the same cells.")
    return text


def _side(row: dict[str, Any], side: str) -> str:
    pipeline, value = ("pipeline", "value") if side == "synthetic" else ("comparator_pipeline", "comparator_value")
    return f"{row[value]:.3f} ({row[side]}, {row[pipeline]})"


def _interval(row: dict[str, Any]) -> str:
    text = f"{row['difference']:+.3f}"
    if np.isfinite(row["low"]):
        text += f" [{row['low']:+.3f}, {row['high']:+.3f}]"
    if np.isfinite(row["t_low"]):
        text += f" {{over data sets {row['t_low']:+.3f}, {row['t_high']:+.3f}}}"
    return text


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
