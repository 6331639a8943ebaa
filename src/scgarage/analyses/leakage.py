"""What seed cells in the generator's input give and cost."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scgarage.errors import InputError, ScgarageError, listed
from scgarage.io.result import FolderResult, to_csv, to_json
from scgarage.judge.evaluation import evaluate
from scgarage.judge.privacy import audit
from scgarage.models import FitOptions, GarageFaithful
from scgarage.plotting.style import INK, TYPE_COLOURS, figure_bytes, finish, new_figure, own_axes, styled
from scgarage.pp import Split
from scgarage.seeds import SELECTORS
from scgarage.seeds.attention import spearman

PANELS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("sliced_wasserstein", "all"): ("Sliced Wasserstein", "lower is better"),
    ("rare_retention", "rare"): ("Rare cells kept", "higher is better"),
    ("memorisation_share", "all"): ("Memorisation", "above the floor: copies"),
}
"""Metric and group of each panel, its title and how to read it."""

MARKERS = ("o", "D", "s", "^", "v", "P")

NO_SEEDS = "none"
"""Name of the selector where there is nothing to select."""


@styled
def leakage_figure(table: pd.DataFrame, *, show: bool = False, save: str | Path | None = None) -> Figure:
    """Draw fidelity, rare cells and privacy against leakage, side by side, a line for each selector.

    Parameters
    ----------
    table
        Table of a :class:`scgarage.analyses.LeakageAnalysis`.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Raises
    ------
    InputError
        If the table lacks a column or has no number to draw.
    """
    figure = new_figure(3.1)
    axes = figure.subplots(1, len(PANELS))
    drawn = [_has(table, metric, group) for metric, group in PANELS]
    if not any(drawn):
        msg = "the table has no value of any panel; every run failed or another table was given"
        raise InputError(msg)
    for ax, (metric, group), there in zip(axes, PANELS, drawn, strict=True):
        if there:
            leakage_curve(table, metric, group=group, ax=ax)
        else:
            ax.text(0.5, 0.5, "no values", transform=ax.transAxes, ha="center")
        title, reading = PANELS[metric, group]
        ax.set_title(title)
        ax.set_ylabel(reading)
    handles, labels = axes[drawn.index(True)].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=len(labels))
    return finish(figure, show=show, save=save)


@styled
def leakage_curve(
    table: pd.DataFrame,
    metric: str,
    *,
    group: str = "all",
    ax: Axes | None = None,
    show: bool = False,
    save: str | Path | None = None,
) -> Axes:
    """Draw one number against leakage: mean over the seeds, with its sd, for each selector; the floor is dashed.

    Parameters
    ----------
    table
        Table of a :class:`scgarage.analyses.LeakageAnalysis`.
    metric, group
        What to draw.
    ax
        Axes to draw on; by default those of a new figure.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Raises
    ------
    InputError
        If the table has no value of the metric in the group.
    """
    if not _has(table, metric, group):
        msg = f"the table has no value of {metric!r} in the group {group!r}"
        raise InputError(msg)
    ax = own_axes(ax, 3.0, width=4.0)
    held = table[(table["metric"] == metric) & (table["group"] == group)].dropna(subset="value")
    shared = held[held["selector"] == NO_SEEDS]
    names = [name for name in dict.fromkeys(held["selector"]) if name != NO_SEEDS] or [NO_SEEDS]
    for number, name in enumerate(names):
        runs = (
            held[held["selector"] == name] if name == NO_SEEDS else pd.concat([shared, held[held["selector"] == name]])
        )
        by_leakage = runs.groupby("leakage")["value"].agg(["mean", "std"]).reset_index()
        # Selectors beside each other, so that bars of the same leakage do not cover each other.
        shift = 0.004 * (number - (len(names) - 1) / 2)
        ax.errorbar(
            by_leakage["leakage"].to_numpy() + shift, by_leakage["mean"].to_numpy(),
            yerr=by_leakage["std"].fillna(0).to_numpy(), label=name,
            color=TYPE_COLOURS[number % len(TYPE_COLOURS)], marker=MARKERS[number % len(MARKERS)], markersize=4,
            linewidth=1.2, elinewidth=0.8,
        )  # fmt: skip
    floor = held["floor"].astype(float)
    if floor.notna().any():
        ax.axhline(
            float(np.nanmean(floor)), color=INK, linewidth=0.8, linestyle=(0, (4, 3)), label="real cells (floor)"
        )
    ax.set_xlabel("leakage: share of seed cells")
    ax.set_title(metric)
    ax.grid(axis="y")
    return finish(ax, show=show, save=save)


def _has(table: pd.DataFrame, metric: str, group: str) -> bool:
    missing = {"leakage", "selector", "metric", "group", "value", "floor"} - set(table.columns)
    if missing:
        msg = f"the table lacks {', '.join(sorted(missing))}; expected that of a LeakageAnalysis"
        raise InputError(msg)
    held = table[(table["metric"] == metric) & (table["group"] == group)]
    return bool(held["value"].notna().any())


LEAKAGE_COLUMNS = (
    "leakage", "selector", "seed", "family", "metric", "title", "group", "value", "floor", "null", "score", "note",
)  # fmt: skip
"""Columns of the table, in order."""

MIN_SEEDS = 3


@dataclass(frozen=True, eq=False, repr=False)
class LeakageAnalysis(FolderResult):
    """Fidelity, rare cells and privacy by leakage, selector and seed.

    ``save`` writes ``leakage.csv``, ``trends.csv``, ``leakage.json`` and ``leakage.svg``.

    Attributes
    ----------
    table
        One row for each run and number: ``leakage``, ``selector`` (``"none"`` for leakage 0), ``seed``, ``family``
        (``"fidelity"``, ``"rare"``, ``"privacy"``, or ``"failed"``), ``metric``, ``title``, ``group``, ``value``,
        ``floor``, ``null``, ``score`` and ``note``; missing where the judge or the audit has none.
    settings
        How it was made; plain values.
    """

    settings: dict[str, Any]

    def trends(self) -> pd.DataFrame:
        """Return how each number goes with leakage.

        Returns
        -------
        pandas.DataFrame
            A row for each selector, metric and group: ``selector``, ``family``, ``metric``, ``group``, ``n_runs``,
            ``without_seeds`` and ``at_most`` (mean values at leakage 0 and at the largest one) and ``spearman`` (of
            value and leakage over runs; missing for fewer than three values or a constant). Leakage 0 counts for every
            selector.
        """
        measured = self.table[self.table["family"] != "failed"]
        shared = measured[measured["selector"] == NO_SEEDS]
        named = [name for name in dict.fromkeys(measured["selector"]) if name != NO_SEEDS]
        rows = []
        for selector in named:
            runs = pd.concat([shared, measured[measured["selector"] == selector]])
            for (family, metric, group), held in runs.groupby(["family", "metric", "group"], sort=False):
                about = {"selector": selector, "family": family, "metric": metric, "group": group}
                rows.append(about | _trend(held.dropna(subset="value")))
        columns = ["selector", "family", "metric", "group", "n_runs", "without_seeds", "at_most", "spearman"]
        return pd.DataFrame(rows, columns=columns)

    def sentences(self) -> list[str]:
        """Return what the numbers of the figure say, in words, and what they do not."""
        trends, text = self.trends(), []
        for (metric, group), (title, _) in PANELS.items():
            held = trends[(trends["metric"] == metric) & (trends["group"] == group)]
            parts = [
                f"{row['selector']} {row['without_seeds']:.3g} to {row['at_most']:.3g}" for _, row in held.iterrows()
            ]
            if parts:
                text.append(f"{title}, from no seed cells to the largest leakage: {'; '.join(parts)}.")
        failed = self.table[self.table["family"] == "failed"]
        if len(failed):
            text.append(f"{len(failed)} runs failed; see their notes.")
        if self.settings["n_seeds"] < MIN_SEEDS:
            text.append(f"With {self.settings['n_seeds']} seed(s) of the model no difference between runs is shown.")
        text.append(
            f"The model was trained for at most {self.settings['params'].get('n_iterations', 20_001)} iterations. A "
            "generator far from real cells copies none of them: a low memorisation share then does not speak for it."
        )
        return text

    def _shown(self, *, notes: bool = False) -> list[pd.DataFrame]:  # noqa: ARG002
        return [self.trends()]

    def _files(self) -> dict[str, str | bytes]:
        return {
            "leakage.csv": to_csv(self.table),
            "trends.csv": to_csv(self.trends()),
            "leakage.json": to_json({"sentences": self.sentences(), "settings": self.settings}),
            "leakage.svg": figure_bytes(leakage_figure(self.table)),
        }


def _trend(runs: pd.DataFrame) -> dict[str, float]:
    shares, values = runs["leakage"].to_numpy(dtype=np.float64), runs["value"].to_numpy(dtype=np.float64)
    nothing = float("nan")
    if not len(runs):
        return {"n_runs": 0, "without_seeds": nothing, "at_most": nothing, "spearman": nothing}
    at_zero, at_most = values[shares == 0], values[shares == shares.max()]
    return {
        "n_runs": len(runs),
        "without_seeds": float(at_zero.mean()) if len(at_zero) else nothing,
        "at_most": float(at_most.mean()),
        "spearman": spearman(shares, values) if len(runs) >= 3 else nothing,
    }


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
    model: GarageFaithful, split: Split, labels_key: str, layer: str | None, *, n_repeats: int, random_state: int
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
    model: GarageFaithful, made: AnnData, split: Split, labels_key: str, layer: str | None, *, random_state: int
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
