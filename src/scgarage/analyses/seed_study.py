"""How far numbers spread over random seeds."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scgarage.errors import InputError, ScgarageError
from scgarage.io.result import FolderResult, to_csv, to_json
from scgarage.judge.evaluation import evaluate
from scgarage.metrics.metric import loss
from scgarage.models import FitOptions, GenerativeModel, model_class
from scgarage.plotting.scores import MIN_BLOCKS, MIN_METHODS, critical_difference, rank_test
from scgarage.plotting.style import FIGURE_WIDTH, TYPE_COLOURS, figure_bytes, finish, new_figure, styled
from scgarage.pp import Split, split

COLUMNS = ("model", "metric", "group", "value", "score", "better")


def rank_blocks(
    runs: pd.DataFrame, *, blocks: Sequence[str] = ("data_set", "seed"), group: str = "all"
) -> pd.DataFrame:
    """Rank the models by each metric within each block, and average the ranks over the metrics.

    A block counts once, whatever the number of metrics: metrics of one run measure nearly the same and are not
    independent. Seeds of one data set share most of its cells; a test that takes them as independent blocks says how
    sure the order is *for these data sets*, not for others.

    Parameters
    ----------
    runs
        A row for each run and metric: the columns of ``blocks``, ``model``, ``metric``, ``group``, ``value``, ``score``
        and ``better``.
    blocks
        Columns that name a block.
    group
        Group of cells.

    Returns
    -------
    pandas.DataFrame
        Blocks by models, lower is better. Metrics for which a model of the block has no value or no score are left out
        of that block, blocks that lack a model are left out.

    Raises
    ------
    InputError
        If a column is missing.
    """
    missing = [name for name in (*blocks, *COLUMNS) if name not in runs]
    if missing:
        msg = f"the runs lack the columns {', '.join(missing)}"
        raise InputError(msg)
    held = runs[runs["group"] == group].dropna(subset=["value", "score"])
    losses = [loss(value, way) for value, way in zip(held["value"], held["better"], strict=True)]
    by = [*blocks, "metric"]
    table = held.assign(loss=np.asarray(losses, dtype=np.float64)).pivot_table(index=by, columns="model", values="loss")
    models = [name for name in dict.fromkeys(runs["model"]) if name in table]
    if set(runs["model"]) - set(models):  # one that failed in every block
        table = table.iloc[:0]
    ranks = table.dropna()[models].rank(axis=1)
    return ranks.groupby(level=list(blocks), sort=False).mean()


BY = ("data_set", "model", "metric", "title", "group", "better")

LATEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}",
         "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}  # fmt: skip


def mean_sd(runs: pd.DataFrame) -> pd.DataFrame:
    """Return mean and sd of each metric over the seeds.

    Parameters
    ----------
    runs
        A row for each run and metric: columns ``data_set``, ``model``, ``seed``, ``metric``, ``title``, ``group``,
        ``better``, ``value``, ``floor`` and ``score``.

    Returns
    -------
    pandas.DataFrame
        A row for each data set, model, metric and group: ``n_seeds`` (with a value), and ``value``, ``floor`` and
        ``score`` with ``_mean`` and ``_sd`` (n - 1; missing for one seed).

    Raises
    ------
    InputError
        If a column is missing.
    """
    missing = [name for name in (*BY, "seed", "value", "floor", "score") if name not in runs]
    if missing:
        msg = f"the runs lack the columns {', '.join(missing)}"
        raise InputError(msg)
    grouped = runs.groupby(list(BY), sort=False, observed=True)
    table = grouped["value"].count().rename("n_seeds").to_frame()
    for name in ("value", "floor", "score"):
        table[f"{name}_mean"], table[f"{name}_sd"] = grouped[name].mean(), grouped[name].std()
    return table.reset_index()


def to_markdown(table: pd.DataFrame, groups: Sequence[str] = ("all", "rare")) -> str:
    """Return "mean ± sd" as a Markdown table, a row for each metric and a column for each data set and model.

    Parameters
    ----------
    table
        Result of :func:`mean_sd`.
    groups
        Groups of cells to show.

    Returns
    -------
    str
        The table, with the floor (real cells against real cells) of each data set beside its models.
    """
    shown = _wide(table, groups)
    head = [*shown.index.names, *shown.columns]
    lines = [_pipes(head), _pipes(["---"] * 2 + ["---:"] * len(shown.columns))]
    lines += [_pipes([*names, *row]) for names, row in zip(shown.index, shown.to_numpy(), strict=True)]
    return "\n".join(lines) + "\n"


def to_latex(table: pd.DataFrame, groups: Sequence[str] = ("all", "rare")) -> str:
    """Return "mean ± sd" as a LaTeX ``tabular`` with the rules of booktabs.

    Parameters
    ----------
    table, groups
        As in :func:`to_markdown`.

    Returns
    -------
    str
        The table, names escaped.
    """
    shown = _wide(table, groups)
    head = [*shown.index.names, *shown.columns]
    rows = [[*names, *row] for names, row in zip(shown.index, shown.to_numpy(), strict=True)]
    body = [_ampersands(head), "\\midrule", *(_ampersands(row) for row in rows)]
    columns = "ll" + "r" * len(shown.columns)
    return "\n".join([f"\\begin{{tabular}}{{{columns}}}", "\\toprule", *body, "\\bottomrule", "\\end{tabular}", ""])


def _wide(table: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Return text, metrics by group in rows; the floor is the mean over the models, which share their real cells."""
    held = table[table["group"].isin(list(groups))]
    if held.empty:
        msg = f"the table has no row of the groups {', '.join(groups)}"
        raise InputError(msg)
    columns: dict[str, pd.Series] = {}
    index = pd.MultiIndex.from_frame(held[["title", "group"]].drop_duplicates(), names=["metric", "cells"])
    for data_set, of_set in held.groupby("data_set", sort=False):
        for model, rows in of_set.groupby("model", sort=False):
            columns[f"{data_set}: {model}"] = _cells(rows, "value")
        columns[f"{data_set}: floor"] = _cells(
            of_set.groupby(["title", "group"], sort=False)[["floor_mean", "floor_sd"]].mean().reset_index(), "floor"
        )
    return pd.DataFrame(columns).reindex(index).fillna("-")


def _cells(rows: pd.DataFrame, name: str) -> "pd.Series[str]":
    texts = [_cell(mean, sd) for mean, sd in zip(rows[f"{name}_mean"], rows[f"{name}_sd"], strict=True)]
    return pd.Series(texts, index=pd.MultiIndex.from_frame(rows[["title", "group"]], names=["metric", "cells"]))


def _cell(mean: float, sd: float) -> str:
    if np.isnan(mean):
        return "-"
    return f"{mean:.3f}" if np.isnan(sd) else f"{mean:.3f} ± {sd:.3f}"


def _pipes(cells: Sequence[str]) -> str:
    escaped = [str(cell).replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"


def _ampersands(cells: Sequence[str]) -> str:
    escaped = ["".join(LATEX.get(letter, letter) for letter in str(cell)) for cell in cells]
    return " & ".join(text.replace("±", "$\\pm$") for text in escaped) + " \\\\"


PANEL_COLUMNS = 3


@styled
def loss_curves(histories: pd.DataFrame, *, show: bool = False, save: str | Path | None = None) -> Figure | None:
    """Draw each loss and validation score by step: mean over seeds, and the range from lowest to highest.

    The line ends where fewer than two seeds go on, since early stopping gives them other lengths.

    Parameters
    ----------
    histories
        Training histories with ``data_set``, ``model``, ``seed`` and ``step``; every other column whose name ends in
        ``/loss`` or is ``validation/score`` is drawn in a panel for each model.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Returns
    -------
    matplotlib.figure.Figure or None
        ``None`` when there is no such column with values of two seeds.
    """
    names = [name for name in histories if str(name).endswith("/loss") or name == "validation/score"]
    panels = [
        (str(model), str(name), _by_step(held, str(name)))
        for model, held in histories.groupby("model", sort=False)
        for name in names
    ]
    panels = [(model, name, curves) for model, name, curves in panels if len(curves)]
    if not panels:
        return None
    n_rows = -(-len(panels) // PANEL_COLUMNS)
    n_columns = min(PANEL_COLUMNS, len(panels))
    figure = new_figure(2.6 * n_rows, width=FIGURE_WIDTH * n_columns / PANEL_COLUMNS)
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    for ax, (model, name, curves) in zip(axes, panels, strict=False):
        _draw(ax, curves)
        ax.set_title(f"{model}: {name.removesuffix('/loss')}", fontsize=9)
    return finish(figure, show=show, save=save)


def _by_step(history: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return mean, lowest and highest value by data set and step, where two seeds have one."""
    held = history.dropna(subset=[column, "step"])
    table = held.groupby(["data_set", "step"], sort=True)[column].agg(["count", "mean", "min", "max"]).reset_index()
    return table[table["count"] > 1]


def _draw(ax: Axes, curves: pd.DataFrame) -> None:
    for number, (data_set, rows) in enumerate(curves.groupby("data_set", sort=False)):
        colour = TYPE_COLOURS[number % len(TYPE_COLOURS)]
        ax.plot(rows["step"], rows["mean"], color=colour, linewidth=1.3, label=str(data_set))
        ax.fill_between(rows["step"], rows["min"], rows["max"], color=colour, alpha=0.2, linewidth=0)
    ax.set_xlabel("step")
    ax.grid(axis="y")
    ax.legend(fontsize=8)


@dataclass(frozen=True, eq=False, repr=False)
class SeedStudy(FolderResult):
    """Runs with several seeds.

    ``save`` writes ``runs.csv``, ``mean_sd.csv``, ``mean_sd.md``, ``mean_sd.tex``, ``histories.csv``, ``seeds.json``,
    when a model has losses ``losses.svg``, and for three models or more ``critical_difference.svg``.

    Attributes
    ----------
    table, runs
        The table of the judge for each run, after ``data_set``, ``model`` and ``seed``.
    histories
        Training history of each run, after the same three columns.
    settings
        How it was made; plain values.
    """

    histories: pd.DataFrame
    settings: dict[str, Any]

    @property
    def runs(self) -> pd.DataFrame:
        """The table."""
        return self.table

    @cached_property
    def _summary(self) -> pd.DataFrame:
        return mean_sd(self.runs)

    def summary(self) -> pd.DataFrame:
        """Return mean and sd, see :func:`scgarage.analyses.mean_sd`."""
        return self._summary.copy()

    def markdown(self) -> str:
        """Return "mean ± sd" of all and of rare cells as a Markdown table."""
        return to_markdown(self._summary)

    def figure(self) -> Figure | None:
        """Return the loss curves, mean and range over seeds; ``None`` when no model has losses."""
        return loss_curves(self.histories)

    @cached_property
    def _ranks(self) -> pd.DataFrame | None:
        """Mean ranks by data set and seed; ``None`` for too few to test."""
        ranks = rank_blocks(self.runs)
        return ranks if len(ranks) >= MIN_BLOCKS and len(ranks.columns) >= MIN_METHODS else None

    def rank_figure(self) -> Figure | None:
        """Return the critical-difference diagram of the models; ``None`` for fewer than three of them."""
        return None if self._ranks is None else cast("Figure", critical_difference(self._ranks).figure)

    def sentences(self) -> list[str]:
        """Return what the standard deviations are over, and whether the order of the models is more than chance."""
        n_seeds = int(self.runs["seed"].nunique())
        over = "the same split, so they are those of the model alone" if self.settings["same_split"] else (
            "another split each, so they hold both the model's spread and that of the real cells"
        )  # fmt: skip
        text = [f"Mean and sd (n - 1) over {n_seeds} seeds with {over}."]
        if self._ranks is not None:
            text.append(
                f"{rank_test(self._ranks).sentence()} A block is a data set and seed, the rank in it a mean over the "
                "metrics; seeds share most of their cells, so this says nothing about other data sets."
            )
        return text

    def _shown(self, *, notes: bool = False) -> list[pd.DataFrame]:  # noqa: ARG002
        return [self._summary]

    def _files(self) -> dict[str, str | bytes]:
        files: dict[str, str | bytes] = {
            "runs.csv": to_csv(self.table),
            "mean_sd.csv": to_csv(self._summary),
            "mean_sd.md": self.markdown(),
            "mean_sd.tex": to_latex(self._summary),
            "histories.csv": to_csv(self.histories),
            "seeds.json": to_json({"sentences": self.sentences(), "settings": self.settings}),
        }
        for name, figure in (("losses", self.figure()), ("critical_difference", self.rank_figure())):
            if figure is not None:
                files[f"{name}.svg"] = figure_bytes(figure)
        return files


def study_seeds(
    data: AnnData | Mapping[str, AnnData],
    *,
    labels_key: str,
    models: Sequence[str] = ("garage",),
    n_seeds: int = 5,
    params: Mapping[str, Any] | None = None,
    layer: str | None = None,
    same_split: bool = False,
    profile: Literal["quick", "full"] = "quick",
    random_state: int = 0,
) -> SeedStudy:
    """Fit, sample and judge each model on each data set with several seeds.

    Parameters
    ----------
    data
        Real cells, or several data sets by name; counts or log-normalised.
    labels_key
        Column of ``obs`` with the types.
    models
        Names from ``scgarage.models.MODELS``.
    n_seeds
        Number of seeds.
    params
        Settings of the model, for one model only.
    layer
        Layer with the values; ``X`` by default.
    same_split
        By default each seed divides the cells anew, and the sd is that over models *and* real cells; when true all
        seeds share the split of ``random_state``, and the sd is that of the model alone, which is smaller.
    profile
        Profile of the judge, ``"quick"`` or ``"full"``.
    random_state
        First seed.

    Returns
    -------
    SeedStudy
        All runs, their mean and sd, and the loss curves.

    Raises
    ------
    InputError
        If an argument is out of range, or the first run finds the data unusable.

    Warns
    -----
    UserWarning
        For each run that fails; its seed is then missing from mean and sd.
    """
    tables = {"data": data} if isinstance(data, AnnData) else dict(data)
    if n_seeds < 2 or not tables or not models or (params and len(models) > 1):
        msg = (
            f"n_seeds={n_seeds}, {len(tables)} data sets, models={list(models)}; expected at least 2 seeds, a data set "
            "and a model, and params with one model only"
        )
        raise InputError(msg)
    parts: list[pd.DataFrame] = []
    curves: list[pd.DataFrame] = []
    for data_set, adata in tables.items():
        for seed in range(random_state, random_state + n_seeds):
            division = split(adata, labels_key=labels_key, random_state=random_state if same_split else seed)
            for name in models:
                about = {"data_set": data_set, "model": name, "seed": seed}
                try:
                    model = model_class(name)(random_state=seed, **dict(params or {}))
                    table, curve = _run(model, division, labels_key=labels_key, layer=layer, profile=profile)
                except ScgarageError as error:
                    if not parts:
                        raise
                    text = f"{data_set}, {name}, seed {seed} failed and is missing from mean and sd: {error}"
                    warnings.warn(text, UserWarning, stacklevel=2)
                    continue
                parts.append(_after(about, table))
                curves.append(_after(about, curve))
    settings = {
        "labels_key": labels_key, "models": list(models), "n_seeds": n_seeds, "params": dict(params or {}),
        "same_split": same_split, "profile": profile, "random_state": random_state,
        "n_cells": {name: adata.n_obs for name, adata in tables.items()},
    }  # fmt: skip
    return SeedStudy(pd.concat(parts, ignore_index=True), pd.concat(curves, ignore_index=True), settings)


def _run(
    model: GenerativeModel, division: Split, *, labels_key: str, layer: str | None, profile: Literal["quick", "full"]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of the judge and the training history of one run."""
    validation = division.validation if division.validation.n_obs else None
    options = FitOptions(progress=False, accelerator="cpu")
    model.fit(division.train, labels_key=labels_key, layer=layer, validation=validation, options=options)
    seed = int(model.config.random_state)
    made = model.sample(division.train.n_obs, random_state=seed)
    judged = evaluate(made, division, labels_key=labels_key, layer=layer, profile=profile, random_state=seed)
    return judged.table, model.history


def _after(about: Mapping[str, Any], table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([pd.DataFrame(dict(about), index=table.index), table], axis=1)
