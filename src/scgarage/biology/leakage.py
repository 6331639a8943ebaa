"""What seed cells in the generator's input give and cost: fidelity, rare cells and privacy by leakage."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from scgarage.biology.leakage_figure import NO_SEEDS
from scgarage.biology.leakage_result import LEAKAGE_COLUMNS, LeakageAnalysis
from scgarage.errors import InputError, ScgarageError
from scgarage.evaluation import evaluate
from scgarage.io.wording import listed
from scgarage.models import FitOptions, GarageFaithful
from scgarage.preprocess import Split
from scgarage.privacy import audit
from scgarage.seeds import SELECTORS

__all__ = ["LEAKAGES", "PARAMS", "PUBLISHED", "analyse_leakage"]

LEAKAGES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Shares of seed cells; the published tables have 0, 0.1, 0.2 and 0.3."""

PUBLISHED = ("attention", "stratified", "random", "global_top")
"""Selectors that are compared by default: attention as published and put right, and two that look at nothing."""

PARAMS: Mapping[str, Any] = {"n_iterations": 500, "gat_epochs": 200}
"""Lengths that keep a run at minutes. The published ones (20,001 and 7,501) take hours and are no nearer to real cells
(docs/research/log.md)."""

METRICS: Mapping[tuple[str, str], str] = {
    ("sliced_wasserstein", "all"): "fidelity",
    ("wasserstein_1", "all"): "fidelity",
    ("c2st_forest", "all"): "fidelity",
    ("coverage", "all"): "fidelity",
    ("coverage", "rare"): "rare",
    ("types_present", "rare"): "rare",
    ("rare_retention", "rare"): "rare",
    ("memorisation_share", "all"): "privacy",
}
"""Metrics of the judge, with the group of cells, and what they are about."""


def analyse_leakage(
    split: Split,
    *,
    labels_key: str,
    leakages: Sequence[float] = LEAKAGES,
    selectors: Sequence[str] = PUBLISHED,
    n_seeds: int = 1,
    params: Mapping[str, Any] | None = None,
    layer: str | None = None,
    n_repeats: int = 3,
    random_state: int = 0,
) -> LeakageAnalysis:
    """Fit ``garage-faithful`` for each leakage, selector and seed, and judge fidelity, rare cells and privacy.

    The real cells are divided once, so runs differ by leakage, selector and seed of the model alone. Without seed cells
    the selector does nothing: leakage 0 is one run per seed, for all selectors. A run that fails is a row with a note.

    Parameters
    ----------
    split
        Real cells; train is learned from, validation decides when to stop, test judges.
    labels_key
        Column of ``obs`` with the types.
    leakages
        Shares of seed rows in the generator's input, in [0, 1].
    selectors
        Names from ``scgarage.seeds.SELECTORS``; the four of :data:`PUBLISHED` by default.
    n_seeds
        Seeds of the model.
    params
        Settings of the model; :data:`PARAMS` unless given.
    layer
        Layer with the values; ``X`` by default.
    n_repeats
        Repeats of the judge.
    random_state
        First seed of the model, and seed of the judge.

    Returns
    -------
    LeakageAnalysis
        One row for each run and number.

    Raises
    ------
    InputError
        If an argument is out of range, or the first run finds the data unusable.

    Warns
    -----
    UserWarning
        For each run that fails.

    References
    ----------
    Ganguly et al., bioRxiv 2025, doi:10.1101/2025.09.28.679012.
    """
    _check(leakages, selectors, n_seeds)
    settings = {**PARAMS, **(params or {})}
    if taken := sorted({"leakage", "selector", "random_state"} & set(settings)):
        msg = f"params holds {listed(taken)}, which the analysis varies; leave it out"
        raise InputError(msg)
    rows: list[dict[str, Any]] = []
    for leakage, selector, seed in _runs(leakages, selectors, range(random_state, random_state + n_seeds)):
        model = GarageFaithful(leakage=leakage, selector=_known(selector), random_state=seed, **settings)
        about = {"leakage": leakage, "selector": selector, "seed": seed}
        try:
            found = list(_judge(model, split, labels_key, layer, n_repeats=n_repeats, random_state=random_state))
        except ScgarageError as error:
            if not rows:
                raise
            warnings.warn(f"leakage {leakage}, {selector}, seed {seed} failed: {error}", UserWarning, stacklevel=2)
            found = [{"family": "failed", "metric": "failed", "group": "all", "note": str(error)}]
        rows += [about | row for row in found]
    about = {
        "labels_key": labels_key, "leakages": list(leakages), "selectors": list(selectors), "n_seeds": n_seeds,
        "params": settings, "n_repeats": n_repeats, "random_state": random_state, "split": split.record(),
    }  # fmt: skip
    return LeakageAnalysis(pd.DataFrame(rows, columns=list(LEAKAGE_COLUMNS)), about)


def _check(leakages: Sequence[float], selectors: Sequence[str], n_seeds: int) -> None:
    unknown = [name for name in selectors if name not in SELECTORS]
    wrong = [share for share in leakages if not 0 <= share <= 1]
    if unknown or wrong or not selectors or not leakages or n_seeds < 1:
        msg = (
            f"leakages={list(leakages)}, selectors={list(selectors)}, n_seeds={n_seeds}; expected shares in [0, 1], "
            f"names among {', '.join(SELECTORS)} and at least one seed"
        )
        raise InputError(msg)


def _runs(
    leakages: Sequence[float], selectors: Sequence[str], seeds: Iterable[int]
) -> Iterator[tuple[float, str, int]]:
    for seed in seeds:
        for leakage in sorted(set(leakages)):
            for selector in selectors if leakage else [NO_SEEDS]:
                yield leakage, selector, seed


def _known(selector: str) -> str:
    """Return a selector that the model knows; without seeds any will do."""
    return "random" if selector == NO_SEEDS else selector


def _judge(
    model: GarageFaithful,
    split: Split,
    labels_key: str,
    layer: str | None,
    *,
    n_repeats: int,
    random_state: int,
) -> Iterator[dict[str, Any]]:
    options = FitOptions(progress=False, accelerator="cpu")
    validation = split.validation if split.validation.n_obs else None
    model.fit(split.train, labels_key=labels_key, layer=layer, validation=validation, options=options)
    made = model.sample(split.train.n_obs, random_state=random_state)
    wanted = list(dict.fromkeys(metric for metric, _ in METRICS))
    judged = evaluate(
        made, split, labels_key=labels_key, layer=layer, metrics=wanted, profile="quick", n_repeats=n_repeats,
        random_state=random_state,
    ).table  # fmt: skip
    for (metric, group), family in METRICS.items():
        held = judged[(judged["metric"] == metric) & (judged["group"] == group)]
        about = {"family": family, "metric": metric, "group": group}
        for _, row in held.iterrows():
            yield about | {name: row[name] for name in ("title", "value", "floor", "null", "score", "note")}
    yield from _audited(model, made, split, labels_key, layer, random_state=random_state)


def _audited(
    model: GarageFaithful,
    made: AnnData,
    split: Split,
    labels_key: str,
    layer: str | None,
    *,
    random_state: int,
) -> Iterator[dict[str, Any]]:
    """Run the privacy audit, which looks at the seed cells on their own."""
    names = split.train.obs_names[np.sort(model.seeds.indices)].astype(str).tolist()
    result = audit(
        made, split, labels_key=labels_key, layer=layer, seed_names=names or None, random_state=random_state
    )  # fmt: skip
    for _, row in result.table.iterrows():
        numbers = {"value": row["value"], "floor": row["floor"], "note": row["note"]}
        named = {"metric": f"audit: {row['check']}", "title": f"audit: {row['check']}", "group": row["group"]}
        yield {"family": "privacy"} | named | numbers
    failed = {"metric": "audit: verdict", "title": "audit fails", "group": "all", "note": result.sentences[0]}
    yield {"family": "privacy"} | failed | {"value": float(result.verdict == "fail")}
