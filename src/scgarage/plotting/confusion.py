"""Which types a classifier of real cells gives to cells of each type."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scgarage.errors import InputError
from scgarage.plotting.output import finish
from scgarage.plotting.style import FIGURE_WIDTH, new_figure, plain, styled

__all__ = ["confusion"]


@styled
def confusion(counts: Mapping[str, pd.DataFrame], *, show: bool = False, save: str | Path | None = None) -> Figure:
    """Draw confusion matrices, each row as shares of the cells with that label; numbers are percent.

    Parameters
    ----------
    counts
        Numbers of cells by source, labels as rows, predicted types as columns, the same for all sources. A label
        without cells has an empty row.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Raises
    ------
    InputError
        When there is no source or the types differ.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame([[9, 1], [0, 5]], index=["B", "T"], columns=["B", "T"])
    >>> [ax.get_title(loc="left") for ax in confusion({"real": table}).axes]
    ['real']
    """
    first = next(iter(counts.values()), pd.DataFrame())
    if first.empty or not all(
        table.index.equals(first.index) and table.columns.equals(first.columns) for table in counts.values()
    ):
        shapes = {name: table.shape for name, table in counts.items()}
        msg = f"the matrices need the same labels and types; found {shapes or 'no source'}"
        raise InputError(msg)
    longest = min(max(len(str(name)) for name in first.columns), 28)
    side = max(0.27 * len(first), 1.0)
    figure = new_figure(0.6 + 0.075 * longest + side, width=FIGURE_WIDTH)
    axes = figure.subplots(1, len(counts), sharey=True, squeeze=False)[0]
    for ax, (source, table) in zip(axes, counts.items(), strict=True):
        _draw(ax, table)
        ax.set_title(source)
    axes[0].set_ylabel("label")
    return finish(figure, show=show, save=save)


def _draw(ax: Axes, table: pd.DataFrame) -> None:
    totals = table.sum(axis=1).to_numpy(dtype=float)
    shares = table.to_numpy(dtype=float) / np.where(totals > 0, totals, np.nan)[:, None]
    ax.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    small = 8 if len(table) <= 14 else 6
    for row, column in zip(*np.nonzero(np.nan_to_num(shares) >= 0.005), strict=True):
        share = shares[row, column]
        colour = "white" if share > 0.6 else "#333333"
        ax.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=small, color=colour)
    ax.set_xticks(range(table.shape[1]), [_short(str(name)) for name in table.columns], rotation=90)
    ax.set_yticks(range(len(table)), [_short(str(name)) for name in table.index])
    ax.set_xlabel("predicted")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _short(name: str, length: int = 28) -> str:
    return plain(name if len(name) <= length else f"{name[: length - 1]}…")
