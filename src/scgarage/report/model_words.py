"""What a model did, in words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scgarage.report.numbers import duration

__all__ = ["WORDED", "model_words"]

WORDED = (
    "jitter",
    "refined",
    "start_score",
    "refined_score",
    "refused_copies",
    "refused_near",
    "seed_cells",
    "diagnosis",
)
"""Parts of a model's record that the words hold, so the list of settings need not."""


def model_words(about: Mapping[str, Any]) -> list[str]:
    """Return sentences about how the cells came about; empty when the model says nothing.

    Parameters
    ----------
    about
        Record that the model left in ``uns`` of the synthetic cells.

    Examples
    --------
    >>> model_words({"refused_copies": 2})
    ['2 drawn cells equalled a training cell and were drawn anew.']
    """
    sentences = [_fit(about), _seeds(about), _adversary(about), _copies(about), *_diagnosis(about)]
    return [sentence for sentence in sentences if sentence]


def _fit(about: Mapping[str, Any]) -> str:
    if "n_train" not in about:
        return ""
    time = f" within {duration(float(about['fit_seconds']))}" if "fit_seconds" in about else ""
    text = f"Fitted on {int(about['n_train']):,} training cells{time}"
    if "n_iterations" in about:
        early = ", when validation no longer improved" if bool(about.get("stopped_early")) else ""
        kept = f", step {int(about['best_step']):,} kept" if "best_step" in about else ""
        text += f"; {int(about['n_iterations']):,} iterations{early}{kept}"
    return f"{text}."


def _seeds(about: Mapping[str, Any]) -> str:
    seeds = about.get("seed_cells")
    n_seeds = None if seeds is None else int(np.size(seeds))
    fed = None if n_seeds is None else f"The generator was fed {n_seeds:,} training cells as seeds"
    if "jitter" not in about:
        return f"{fed}." if fed else ""
    moved = f"moved by {float(about['jitter']):g} (0 leaves a seed where it is, at 1 nothing of a single cell is left)"
    return f"{fed}, {moved}." if fed else f"Seeds were {moved}."


def _adversary(about: Mapping[str, Any]) -> str:
    if "refined" not in about:
        return ""
    scores = [about.get(name) for name in ("start_score", "refined_score")]
    if any(score is None for score in scores):
        return "The adversarial stage was not trained: cells come from the starts themselves."
    change = "the distance to validation cells went from {:.3g} to {:.3g}".format(*map(float, scores))  # type: ignore[arg-type]
    if bool(about["refined"]):
        return f"The adversarial stage was used: {change}."
    return f"The adversarial stage was trained and not used, for it did not help enough: {change}."


def _copies(about: Mapping[str, Any]) -> str:
    if "refused_copies" not in about:
        return ""
    text = (
        _refused(int(about["refused_copies"]), "equalled", "a training cell")
        or "No drawn cell equalled a training cell."
    )
    near = _refused(int(about.get("refused_near", 0)), "lay too near to", "a training cell without being equal")
    return f"{text} {near}".strip()


def _refused(number: int, verb: str, what: str) -> str:
    if not number:
        return ""
    return f"{number:,} drawn cell{'s' * (number > 1)} {verb} {what} and {'was' if number == 1 else 'were'} drawn anew."


def _diagnosis(about: Mapping[str, Any]) -> list[str]:
    """Return what the monitor of mode collapse found at the kept step, and its advice."""
    found = about.get("diagnosis")
    if not isinstance(found, Mapping):
        return []
    numbers = [
        text.format(factor * float(found[name]))
        for name, factor, text in (
            ("type_coverage", 100, "{:.0f} % of the types reached"),
            ("neighbour_diversity", 1, "cells {:.2f} times as far apart as real ones"),
            ("jacobian_rank", 1, "moving in {:.1f} directions of the noise"),
        )
        if name in found
    ]
    measured = f"Generator at the kept step, against validation cells: {', '.join(numbers)}." if numbers else ""
    return [measured, *(str(sentence) for sentence in np.ravel(np.asarray(found.get("advice", ()), dtype=object)))]
