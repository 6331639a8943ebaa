"""Lists of facts for a report: what was compared, with which settings, and what was left out."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from scgarage.metrics import METRICS
from scgarage.preprocess import Split
from scgarage.report.model_words import WORDED
from scgarage.report.numbers import duration
from scgarage.report.subject import Subject
from scgarage.report.versions import versions
from scgarage.schema import UNS_KEY, UNSURE

__all__ = [
    "compared",
    "data_set_name",
    "flatten",
    "judge_settings",
    "model_name",
    "model_settings",
    "not_judged",
    "version_facts",
]

APART = ("history", "split", "versions", "types", "type_counts", "notes", "audit", *WORDED)
"""Parts of a model's record that the report shows elsewhere or not at all."""

FIRST = ("model", "version", "fit_seconds", "n_iterations", "best_step")
"""Parts of a model's record that come first: a file may have sorted them by name."""

NEVER_JUDGED = (
    "relations of more than two genes beyond the principal components",
    "batches and donors",
    "trajectories",
)
"""What no metric of the registry looks at."""

MOST_NAMED = 6
"""Metrics without a number that are named one by one."""

JUDGED_APART = {
    "utility": "whether the cells help a later analysis, such as a classifier of rare types",
    "privacy": "whether a donor could be recognised",
}
"""What other experiments look at, by the section of the report that shows them."""


def data_set_name(split: Split) -> str | None:
    """Return the name that the real cells carry in ``uns``, if any."""
    for slot in (split.train.uns.get(UNS_KEY, {}), split.train.uns):
        for field in ("dataset", "name", "title"):
            if isinstance(slot, Mapping) and isinstance(slot.get(field), str):
                return str(slot[field])
    return None


def model_name(subject: Subject) -> str | None:
    """Return the model that made the synthetic cells, if they say."""
    name = subject.synthetic.uns.get(UNS_KEY, {}).get("model")
    return None if name is None else str(name)


def compared(subject: Subject) -> list[tuple[str, str]]:
    """Say which cells were compared with which, as pairs of a name and a text."""
    split, settings = subject.split, subject.settings
    facts = [
        ("Real, training", f"{split.train.n_obs:,} cells: what the model was fitted on"),
        ("Real, validation", f"{split.validation.n_obs:,} cells: what tuning saw"),
        ("Real, held out", f"{split.test.n_obs:,} cells: what the synthetic cells are compared with"),
        ("Synthetic", f"{subject.synthetic.n_obs:,} cells, {subject.synthetic.n_vars:,} genes"),
    ]
    facts.append(("Repeats", f"{settings['n_repeats']} draws, each of {settings['n_compared']:,} cells of a kind"))
    n_types = len(subject.counts.index.difference([UNSURE]))
    origin = "" if subject.labelled else "; those of the synthetic cells were predicted"
    if n_types:
        facts.append(("Cell types", f"{n_types}, obs column {subject.labels_key!r}{origin}"))
    return facts


def judge_settings(subject: Subject) -> list[tuple[str, str]]:
    """Return the settings of the evaluation and of the split."""
    facts = flatten({name: value for name, value in subject.settings.items() if name not in APART})
    return facts + [(f"split.{name}", text) for name, text in flatten(subject.split.record())]


def model_settings(subject: Subject) -> list[tuple[str, str]]:
    """Return the record that the synthetic cells carry, without what the report shows elsewhere."""
    about = dict(subject.synthetic.uns.get(UNS_KEY, {}))
    first = {name: about.pop(name) for name in FIRST if name in about}
    return flatten({name: value for name, value in (first | about).items() if name not in APART})


def version_facts(subject: Subject) -> list[tuple[str, str, str]]:
    """Return package, version now, and version when the model was fitted."""
    fitted = subject.synthetic.uns.get(UNS_KEY, {}).get("versions", {})
    return [(name, now, str(fitted.get(name, "–"))) for name, now in versions().items()]


def not_judged(subject: Subject, run: Collection[str] = ()) -> str:
    """Say in a few sentences what this report is silent about; ``run`` names sections that other experiments fill."""
    missing = [metric.title for name, metric in METRICS.items() if name not in set(subject.table["metric"])]
    without = _without_number(subject.table[subject.table["value"].isna()])
    never = [*NEVER_JUDGED, *(text for name, text in JUDGED_APART.items() if name not in run)]
    text = f"Not judged: {'; '.join(never)}."
    if missing:
        text += f" Not run here: {'; '.join(missing)}."
    if without:
        text += f" Without a number here: {'; '.join(without)}."
    return text


def _without_number(rows: pd.DataFrame) -> list[str]:
    """Name the metrics without a number; where there are many, say how many each group lacks."""
    if len(rows) <= MOST_NAMED:
        return [f"{row.title} ({row.group})" for row in rows.itertuples()]
    return [f"{n_metrics} metrics of {group}" for group, n_metrics in rows["group"].value_counts(sort=False).items()]


def flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Turn nested settings into pairs of a dotted name and a text.

    Examples
    --------
    >>> flatten({"gan": {"layers": [8, 4]}, "seed": 0})
    [('gan.layers', '8, 4'), ('seed', '0')]
    """
    facts: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            facts += flatten(value, f"{prefix}{name}.")
        elif name.endswith("seconds") and isinstance(value, float | int | np.number):
            facts.append((f"{prefix}{name.removesuffix('seconds')}time", duration(float(value))))
        else:
            facts.append((f"{prefix}{name}", _text(value)))
    return facts


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value) or "none"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    return str(value)
