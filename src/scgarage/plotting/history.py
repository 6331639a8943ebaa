"""Losses and validation score by training step."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import ArrayLike

from scgarage.errors import InputError
from scgarage.plotting.style import FIGURE_WIDTH, INK, TYPE_COLOURS, finish, new_figure, styled

VALIDATION = "validation/score"
"""Column of the history that decides which step is kept."""

SMOOTH_FROM = 200


@styled
def history(
    columns: Mapping[str, ArrayLike] | pd.DataFrame,
    *,
    best_step: int | None = None,
    show: bool = False,
    save: str | Path | None = None,
) -> Figure:
    """Draw the loss curves and the validation score.

    Losses that were recorded together share a panel, so the trainings of a model (a graph attention network
    first, then the generator) stand apart; the validation score is that of the last of them. Long curves are
    drawn faint under their running mean.

    Parameters
    ----------
    columns
        Columns ``step``, ``<network>/loss`` and perhaps ``validation/score`` (or with a dot for the slash),
        equally long; missing values where nothing was measured. A step below the one before starts the next
        training.
    best_step
        Step whose weights were kept; by default the one with the lowest validation score.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Raises
    ------
    InputError
        When there is no ``step`` or no loss.

    Examples
    --------
    >>> figure = history({"step": [1, 2], "vae/loss": [3.0, 2.0], "validation/score": [0.4, 0.2]})
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['Loss: vae', 'Validation score']
    """
    # Synthetic cells carry the columns with a dot, since a slash would open a group in their h5ad file.
    table = pd.DataFrame({str(name).replace(".", "/"): np.asarray(values) for name, values in columns.items()})
    losses = [name for name in table.columns if name.endswith("/loss") and table[name].notna().any()]
    if "step" not in table or not losses:
        found = ", ".join(table.columns) or "nothing"
        msg = f"a history needs 'step' and at least one '<network>/loss' with values; found {found}"
        raise InputError(msg)
    groups = _groups(table, losses)
    validated = VALIDATION in table and table[VALIDATION].notna().any()
    n_panels = len(groups) + int(validated)
    figure = new_figure(2.7, width=min(FIGURE_WIDTH, 4.9 * n_panels))
    axes = figure.subplots(1, n_panels, squeeze=False)[0]
    for ax, group in zip(axes[: len(groups)], groups, strict=True):
        _draw_losses(ax, table, group)
    if validated:
        _draw_validation(axes[-1], table, best_step)
    for ax in axes:
        ax.set_xlabel("step")
        ax.grid(axis="y")
        ax.locator_params(axis="x", nbins=5)
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    return finish(figure, show=show, save=save)


def _groups(table: pd.DataFrame, losses: Sequence[str]) -> list[list[str]]:
    """Put losses that share at least one row together."""
    groups: list[list[str]] = []
    for name in losses:
        for group in groups:
            if (table[name].notna() & table[group].notna().any(axis=1)).any():
                group.append(name)
                break
        else:
            groups.append([name])
    # Trainings in their order, whatever the order of the columns: a file may have sorted them by name.
    return sorted(groups, key=lambda group: int(table[group].notna().any(axis=1).to_numpy().argmax()))


def _draw_losses(ax: Axes, table: pd.DataFrame, group: Sequence[str]) -> None:
    names = [name.removesuffix("/loss") for name in group]
    for name, column, colour in zip(names, group, TYPE_COLOURS, strict=False):
        values = table[["step", column]].dropna()
        long = len(values) > SMOOTH_FROM
        marker = "o" if len(values) == 1 else None
        ax.plot(
            values["step"], values[column], color=colour, linewidth=0.7 if long else 1.4,
            alpha=0.3 if long else 1, label=None if long else name, marker=marker,
        )  # fmt: skip
        if long:
            mean = values[column].rolling(len(values) // 50, center=True, min_periods=1).mean()
            ax.plot(values["step"], mean, color=colour, linewidth=1.6, label=name)
    ax.set_title("Loss" if len(group) > 1 else f"Loss: {names[0]}")
    if len(group) > 1:
        _legend_below(ax)


def _draw_validation(ax: Axes, table: pd.DataFrame, best_step: int | None) -> None:
    values = table[["step", VALIDATION]].dropna()
    values = values[(values["step"].diff() < 0).cumsum().pipe(lambda training: training == training.max())]
    ax.plot(values["step"], values[VALIDATION], color=TYPE_COLOURS[2], linewidth=1.4, marker="o", markersize=3)
    steps, validation = values.to_numpy(dtype=float).T
    best = int(validation.argmin() if best_step is None else np.abs(steps - best_step).argmin())
    step, score = steps[best], validation[best]
    ax.axvline(step, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    kept = f"kept: step {step:,.0f}, score {score:.3g}"
    ax.plot([step], [score], marker="o", markersize=8, markerfacecolor="none", color=INK, linestyle="", label=kept)
    ax.set_title("Validation score")
    _legend_below(ax)


def _legend_below(ax: Axes) -> None:
    # Below the panel, where no curve passes.
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncol=3, handlelength=1.4, columnspacing=1)
