"""What the differences say, in sentences."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scgarage.errors import InputError
from scgarage.io.result import Result, plain_value, records, to_csv, to_json
from scgarage.io.write import write_folder
from scgarage.judge.rare.scores import BEST, GENERATOR, MIN_SPLITS, SCORES, best_pipelines, summarise

ENOUGH_SPLITS = 20

THRESHOLD = (
    "F1 depends on where a classifier puts its threshold, AUPRC does not: added cells move the threshold towards the "
    "rare type, so F1 can rise although the rare cells are ranked no better, and a threshold set on real training "
    "cells may do the same. Read a difference in F1 beside the one in AUPRC."
)

ONE_TO_BEAT_TEXT = "class-balanced principal components with shrunk LDA, the pipeline to beat"


def sentences(summary: pd.DataFrame, best: pd.DataFrame) -> list[str]:
    """Say whether synthetic cells helped."""
    if not len(summary):
        named = [f"{r['setting']}: {_side(r, 'comparator')}" for r in records(best) if r["against"] == BEST]
        return [f"No synthetic cells took part. Highest AUPRC: {'; '.join(named)}."]
    text = []
    for setting in dict.fromkeys(best["setting"]):
        rows = records(best[best["setting"] == setting])
        text += [_verdict(row) for row in rows if row["against"] == BEST]
        text += [_one_to_beat(row) for row in rows if row["against"] != BEST]
        here = summary[(summary["setting"] == setting) & (summary["against"] == BEST) & (summary["kind"] == GENERATOR)]
        text += [_by_pipeline(setting, here[here["synthetic"] == name]) for name in dict.fromkeys(here["synthetic"])]
        text += [*_only_f1(setting, here), *_worse_elsewhere(setting, here)]
    return [*text, THRESHOLD, *_limits(summary)]


def direction(row: dict[str, Any]) -> int:
    """Return 1 or -1 when every interval there is lies above or below 0, otherwise 0."""
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
    auprc = records(rows[rows["metric"] == "auprc"])
    name = rows["synthetic"].iloc[0]
    words = {1: "higher", -1: "lower", 0: "not shown to differ"}
    parts = []
    for sign, word in words.items():
        found = [f"{row['pipeline']} {_interval(row)}" for row in auprc if direction(row) == sign]
        parts += [f"{word} for {', '.join(found)}"] if found else []
    return f"{setting}: AUPRC with {name} against the best comparator of each pipeline: {'; '.join(parts)}."


def _only_f1(setting: str, rows: pd.DataFrame) -> list[str]:
    """Name the pipelines in which F1 rose and AUPRC did not."""
    signs = {(row["synthetic"], row["pipeline"], row["metric"]): direction(row) for row in records(rows)}
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
    macro = records(rows[rows["metric"] == "macro_f1"])
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


@dataclass(frozen=True, eq=False, repr=False)
class RareUtility(Result):
    """Scores of every classifier and training set, and what they say.

    Attributes
    ----------
    table
        One row for each value, columns ``data_set``, ``setting`` (``"as it is"`` or, for example, ``"5 training
        cells"``), ``split``, ``target`` (the type), ``k`` (its real training cells), ``comparator`` (also the name
        of the generator, with ``" alone"`` when only synthetic cells trained), ``kind`` (``"comparator"``,
        ``"synthetic"`` or ``"synthetic-only"``), ``pipeline``, ``metric`` and ``value`` in [0, 1].
    settings
        How it was made; plain values.
    """

    settings: dict[str, Any]

    @cached_property
    def _summary(self) -> pd.DataFrame:
        return summarise(self.table)

    def summary(self) -> pd.DataFrame:
        """Return paired differences of each generator to each comparator and to the best one.

        Returns
        -------
        See :func:`scgarage.judge.rare.scores.summarise`; empty when no generator took part.
        """
        return self._summary.copy()

    def best_pipeline(self, metric: str = "auprc") -> pd.DataFrame:
        """Return the best pipeline without synthetic cells beside the best one with them.

        Parameters
        ----------
        metric
            Name of a score: ``"auprc"``, ``"f1"``, ``"recall"``, ``"macro_f1"`` or ``"f1_best_threshold"``.

        Returns
        -------
        See :func:`scgarage.judge.rare.scores.best_pipelines`.

        Raises
        ------
        InputError
            For an unknown metric.
        """
        if metric not in SCORES:
            msg = f"metric is {metric!r}; expected one of: {', '.join(SCORES)}"
            raise InputError(msg)
        return best_pipelines(self.table, metric)

    def sentences(self) -> list[str]:
        """Return what the numbers say about synthetic cells, in words."""
        return sentences(self._summary, self.best_pipeline())

    def words(self) -> str:
        """Return the sentences as lines of text."""
        return "\n".join(self.sentences())

    def _shown(self, *, notes: bool = False) -> list[pd.DataFrame]:  # noqa: ARG002
        return [self.best_pipeline()]

    def record(self) -> dict[str, Any]:
        """Return everything but the single scores as plain values.

        Returns
        -------
        dict
            ``settings``, ``sentences``, and rows of ``best_pipeline`` and ``summary``; ``None`` for a missing number.
        """
        content = {
            "settings": self.settings,
            "sentences": self.sentences(),
            "best_pipeline": self.best_pipeline().round(10),
            "summary": self._summary.round(10),
        }
        return {name: plain_value(value) for name, value in content.items()}

    def save(self, path: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Write the tidy table as CSV and, beside it, settings, summaries and sentences as JSON.

        Parameters
        ----------
        path
            CSV file to write; the JSON file has the same name with the ending ``.json``.
        overwrite
            Whether to replace existing files.

        Returns
        -------
        list of pathlib.Path
            The two files.

        Raises
        ------
        InputError
            If ``path`` does not end in ``.csv``.
        OutputExistsError
            If a file exists and ``overwrite`` is false.
        """
        path = Path(path)
        if path.suffix != ".csv":
            msg = f"{path} does not end in .csv; choose another name"
            raise InputError(msg)
        files = {path.name: to_csv(self.table), path.with_suffix(".json").name: to_json(self.record())}
        return write_folder(path.parent, files, overwrite=overwrite)

    def __repr__(self) -> str:
        held = self.table
        return (
            f"RareUtility of {held['data_set'].nunique()} data sets, {held['split'].nunique()} splits, "
            f"{held['target'].nunique()} target types, {held['comparator'].nunique()} training sets and "
            f"{held['pipeline'].nunique()} pipelines\n" + "\n".join(self.sentences())
        )
