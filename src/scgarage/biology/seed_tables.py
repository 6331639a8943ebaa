"""Mean and standard deviation over seeds, as CSV, Markdown and LaTeX."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from scgarage.errors import InputError

__all__ = ["mean_sd", "to_latex", "to_markdown"]

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
