"""Genes called different where nothing differs, with and without synthetic cells."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from scgarage.errors import InputError
from scgarage.plotting.output import finish
from scgarage.plotting.palette import INK, SOURCE_COLOURS
from scgarage.plotting.style import own_axes, styled

__all__ = ["de_null"]

COLUMNS = ("n_real", "n_synthetic", "share")


@styled
def de_null(table: pd.DataFrame, *, ax: Axes | None = None, show: bool = False, save: str | Path | None = None) -> Axes:
    """Draw the share of genes that a test calls different between two groups of one type.

    Parameters
    ----------
    table
        Rows of ``scgarage.utility.DENullCheck.table``, of one check or of several with different numbers of synthetic
        cells: a dot for each run, a line for the mean.
    ax
        Axes to draw on; by default those of a new figure.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Returns
    -------
    matplotlib.axes.Axes
        One place for each number of synthetic cells; the first, without any, is the truth: nothing differs.

    Raises
    ------
    InputError
        If a column is missing, there are no rows, or a share is not one.
    """
    missing = [name for name in COLUMNS if name not in table]
    if missing or table.empty or not table["share"].between(0, 1).all():
        msg = f"the table lacks {missing}, has {len(table)} rows or shares outside [0, 1]; pass DENullCheck.table"
        raise InputError(msg)
    # Checks with different numbers of synthetic cells repeat the runs without them.
    runs = table.drop_duplicates([name for name in ("run", "n_synthetic") if name in table])
    ax = own_axes(ax, 2.6)
    numbers = sorted(runs["n_synthetic"].unique())
    rng = np.random.default_rng(0)
    for place, number in enumerate(numbers):
        shares = runs.loc[runs["n_synthetic"] == number, "share"].to_numpy(dtype=float)
        colour = SOURCE_COLOURS["synthetic" if number else "real"]
        ax.plot(place + rng.uniform(-0.12, 0.12, len(shares)), shares, "o", color=colour, alpha=0.55, markersize=4)
        ax.hlines(shares.mean(), place - 0.28, place + 0.28, color=INK, linewidth=1.5)
        ax.annotate(f"{shares.mean():.1%}", (place + 0.3, shares.mean()), color=INK, va="center", fontsize="small")
    ax.set_xticks(range(len(numbers)), [f"+ {number}" if number else "real only" for number in numbers])
    ax.set(xlim=(-0.5, len(numbers) - 0.2), ylim=(-0.02, None))
    ax.set_xlabel(f"synthetic cells added to {int(runs['n_real'].iloc[0])} real cells of each group")
    ax.set_ylabel("genes called different\n(none is)")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return finish(ax, show=show, save=save)
