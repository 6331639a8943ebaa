"""Loss curves of several seeds as one."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scgarage.plotting.output import finish
from scgarage.plotting.palette import TYPE_COLOURS
from scgarage.plotting.style import FIGURE_WIDTH, new_figure, styled

__all__ = ["loss_curves"]

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
