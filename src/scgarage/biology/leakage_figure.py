"""Fidelity, rare cells and privacy against leakage."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scgarage.errors import InputError
from scgarage.plotting.output import finish
from scgarage.plotting.palette import INK, TYPE_COLOURS
from scgarage.plotting.style import new_figure, own_axes, styled

__all__ = ["NO_SEEDS", "PANELS", "leakage_curve", "leakage_figure"]

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
        Table of a :class:`scgarage.biology.LeakageAnalysis`.
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
        Table of a :class:`scgarage.biology.LeakageAnalysis`.
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
