"""What the report says in words: facts, the model, the methods section."""

import platform
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pandas as pd

from scgarage.metrics import METRICS
from scgarage.pp import Split
from scgarage.report.subject import Subject
from scgarage.report.tables import duration
from scgarage.schema import UNS_KEY, UNSURE

PACKAGES = ("scgarage", "torch", "anndata", "scanpy", "numpy", "scikit-learn")
"""Distributions whose versions a report states."""


def versions() -> dict[str, str]:
    """Return the versions of the installed packages and of Python, by name.

    Examples
    --------
    >>> list(versions())
    ['scgarage', 'torch', 'anndata', 'scanpy', 'numpy', 'scikit-learn', 'python']
    """
    return {name: _version(name) for name in PACKAGES} | {"python": platform.python_version()}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


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


PREPRINT = "Ganguly et al. 2025, bioRxiv, doi:10.1101/2025.09.28.679012"
MODEL_REFERENCES = {
    "garage": (PREPRINT, "Sun et al. 2021, Genome Biology, doi:10.1186/s13059-021-02367-2"),
    "garage-faithful": (PREPRINT,),
}
"""What a model builds on."""

PRIVACY_REFERENCES = (
    "Chen et al. 2020, doi:10.1145/3372297.3417238",
    "van Breugel et al. 2023, arXiv:2302.12580",
    "Carlini et al. 2022, arXiv:2112.03570",
)

NULLS = {
    "poisson": "independent Poisson counts with the means of the types",
    "one type": "cells of the commonest type only",
    "shuffled": "training cells with permuted types",
    "copy": "training cells drawn again",
}


@dataclass(frozen=True)
class Methods:
    """Text with numbers in square brackets, and the references that they stand for."""

    sentences: list[str]
    references: list[str]


class _References:
    """References in the order in which they are cited."""

    def __init__(self) -> None:
        self.listed: list[str] = []

    def cite(self, *texts: str) -> str:
        """Return the numbers of references in square brackets."""
        for text in texts:
            if text not in self.listed:
                self.listed.append(text)
        return "[" + ", ".join(str(self.listed.index(text) + 1) for text in texts) + "]"


def methods(subject: Subject, *, audited: bool = False) -> Methods:
    """Write what was done as a paragraph that can be pasted into a paper."""
    cited = _References()
    sentences = [
        _made(subject, cited), _divided(subject), _compared(subject), _measured(subject, cited), _nulls(subject),
    ]  # fmt: skip
    if audited:
        sentences.append(
            "Copies of training cells, distances to training against held-out cells, and membership inference by a "
            "distance attack, calibrated GAN-leaks and DOMIAS were tested with the audit of scgarage "
            f"{cited.cite(*PRIVACY_REFERENCES)}."
        )
    return Methods([sentence for sentence in sentences if sentence], cited.listed)


def _made(subject: Subject, cited: _References) -> str:
    about = subject.about
    model = about.get("model")
    if model is None:
        return f"{subject.synthetic.n_obs:,} synthetic cells were judged."
    references = MODEL_REFERENCES.get(str(model), ())
    version = f" of scgarage {about['version']}" if "version" in about else ""
    trained = f", fitted on {int(about['n_train']):,} real cells" if "n_train" in about else ""
    seeded = f" (seed {about['random_state']})" if "random_state" in about else ""
    source = f" {cited.cite(*references)}" if references else ""
    by = f"the model {model}{version}{source}{trained}"
    return f"{subject.synthetic.n_obs:,} synthetic cells{seeded} were made with {by}."


def _divided(subject: Subject) -> str:
    split = subject.split
    record = split.record()
    stratified = " stratified by type," if subject.labels_key is not None else ""
    donors = f" with the donors of {record['donor_key']!r} kept apart," if record.get("donor_key") else ""
    return (
        f"Real cells were divided into training, validation and test cells ({split.train.n_obs:,}, "
        f"{split.validation.n_obs:,} and {split.test.n_obs:,}),{donors or stratified} and only test cells were "
        "compared with synthetic ones."
    )


def _compared(subject: Subject) -> str:
    settings = subject.settings
    counts = settings.get("value_kind", "counts") == "counts"
    path = "counts were scaled to 10,000 per cell, log1p-transformed, " if counts else "log-normalised values were "
    genes = f"{settings['n_genes']:,} " if "n_genes" in settings else ""
    components = f"{settings['n_pcs']} " if "n_pcs" in settings else ""
    return (
        f"In each of {settings['n_repeats']} repeats the test cells were halved; {path}restricted to the {genes}most "
        f"variable genes of one half and projected on {components}principal components of that half, and "
        f"{settings['n_compared']:,} cells of the other half were compared with as many synthetic cells (scgarage "
        f"{versions()['scgarage']})."
    )


def _measured(subject: Subject, cited: _References) -> str:
    by_reference: dict[str, list[str]] = {}
    for name in dict.fromkeys(subject.table["metric"]):
        if name in METRICS:
            by_reference.setdefault(METRICS[name].reference, []).append(_lower(METRICS[name].title))
    published = {
        reference: names
        for reference, names in by_reference.items()
        if "doi" in reference or "arXiv" in reference or "http" in reference
    }
    own = [name for reference, names in by_reference.items() if reference not in published for name in names]
    parts = [f"{', '.join(names)} {cited.cite(reference)}" for reference, names in published.items()]
    parts += [", ".join(own)] if own else []
    return f"Metrics: {'; '.join(parts)}."


def _nulls(subject: Subject) -> str:
    used = {METRICS[name].null for name in set(subject.table["metric"]) if name in METRICS}
    named = "; ".join(text for null, text in NULLS.items() if null in used)
    return (
        "Every metric was also computed for real training cells in place of the synthetic ones (floor) and for a bad "
        f"generator (null: {named}); the score is (value − floor) / (null − floor), 0 for cells as good as real ones "
        "and 1 for the null."
    )


def _lower(title: str) -> str:
    """Write a title inside a sentence; "Wasserstein" keeps its capital."""
    return title if title.startswith("Wasserstein") else title[:1].lower() + title[1:]
