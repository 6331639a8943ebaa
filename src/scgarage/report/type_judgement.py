"""What the judge says about every single type, in the very samples of the evaluation."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scgarage.judge.evaluation.comparison import Comparison, draw, measure, predict_labels
from scgarage.judge.evaluation.inputs import comparison_inputs
from scgarage.metrics import METRICS
from scgarage.report.subject import Subject
from scgarage.schema import UNSURE

__all__ = ["TYPE_METRICS", "TypeJudgement", "judge_types"]

TYPE_METRICS = ("coverage", "type_sliced_wasserstein", "label_fidelity", "lfc_slope", "rare_retention")
"""Metrics of the table of types."""

SOURCES = {"floor": "Real training (floor)", "value": "Synthetic"}


@dataclass(frozen=True)
class TypeJudgement:
    """Numbers about every type."""

    # mean over repeats, indexed by type and metric, columns value and floor; no row where a side has too few cells
    numbers: pd.DataFrame
    # cells of all repeats by their label (rows) and the type that a classifier of real cells gives them, for real held-
    # out, real training and synthetic cells
    confusion: dict[str, pd.DataFrame]


def judge_types(subject: Subject) -> TypeJudgement:
    """Draw the samples of the evaluation again, by its seed, and measure what its table says of rare types only."""
    settings = subject.settings
    inputs = comparison_inputs(
        subject.synthetic,
        subject.split,
        labels_key=subject.labels_key,
        layer=subject.layer,
        n_top_genes=int(settings.get("n_top_genes", 1000)),
    )
    types = np.unique(np.concatenate([inputs.train.labels, inputs.test.labels]))
    found: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    confusion = {name: np.zeros((len(types) + 1, len(types))) for name in ("Real held-out", *SOURCES.values())}
    seeds = np.random.SeedSequence(int(settings.get("random_state", 0))).spawn(int(settings["n_repeats"]))
    for seed in seeds:
        comparison = draw(
            inputs,
            n_pcs=int(settings.get("n_pcs", 50)),
            max_cells=int(settings.get("max_cells", settings["n_compared"])),
            rng=np.random.default_rng(seed),
        )
        for key, numbers in _measured(comparison, types):
            found[key].append(numbers)
        _count(comparison, types, confusion)
    means = pd.DataFrame.from_dict({key: pd.DataFrame(rows).mean() for key, rows in found.items()}, orient="index")
    means.index = pd.MultiIndex.from_tuples(list(found), names=["type", "metric"])
    return TypeJudgement(means, {name: _named(counts, types) for name, counts in confusion.items()})


def _measured(comparison: Comparison, types: NDArray[np.str_]) -> Iterator[tuple[tuple[str, str], dict[str, float]]]:
    """Yield value and floor of each type and metric where both are known."""
    for name in TYPE_METRICS:
        metric = METRICS[name]
        labels = (comparison.matched if metric.matched else comparison).holdout.labels
        enough = [str(kind) for kind in types if (labels == kind).sum() >= metric.min_cells]
        if not enough:
            continue
        if metric.groups == "types":
            values: dict[str, dict[Any, Any]] = measure(metric, comparison)  # type: ignore[assignment]
            rows = {kind: {role: values[role].get(kind, np.nan) for role in ("value", "floor")} for kind in enough}
        else:
            rows = {kind: measure(metric, comparison, mask=labels == kind) for kind in enough}  # type: ignore[misc]
        for kind, row in rows.items():
            numbers = {role: float(row[role]) for role in ("value", "floor")}
            if np.isfinite(list(numbers.values())).all():
                yield (kind, name), numbers


def _count(comparison: Comparison, types: NDArray[np.str_], confusion: dict[str, NDArray[np.float64]]) -> None:
    """Add the cells of one repeat; a label that real cells do not have counts in the last row."""
    samples = {
        "Real held-out": comparison.holdout,
        SOURCES["floor"]: comparison.floor,
        SOURCES["value"]: comparison.synthetic,
    }
    teacher = comparison.teacher
    points = np.concatenate([sample.points for sample in samples.values()])
    predicted = np.split(
        predict_labels(teacher.points, teacher.labels, points),
        np.cumsum([len(sample.labels) for sample in samples.values()])[:-1],
    )
    for (name, sample), given in zip(samples.items(), predicted, strict=True):
        rows = np.where(np.isin(sample.labels, types), np.searchsorted(types, sample.labels), len(types))
        np.add.at(confusion[name], (rows, np.searchsorted(types, given)), 1)


def _named(counts: NDArray[np.float64], types: NDArray[np.str_]) -> pd.DataFrame:
    names = [str(name) for name in types]
    return pd.DataFrame(counts.astype(np.int64), index=[*names, UNSURE], columns=names)
