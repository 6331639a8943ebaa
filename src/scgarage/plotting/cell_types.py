"""Composition by type and confusion of labels."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from scgarage.errors import InputError
from scgarage.plotting.style import (
    FAINT,
    FIGURE_WIDTH,
    SOURCE_COLOURS,
    finish,
    new_figure,
    own_axes,
    plain,
    short,
    styled,
)
from scgarage.schema import UNSURE

MARKERS = ("s", "o", "D", "^", "v")
COLOURS = {"real train": "train", "real test": "real", "synthetic": "synthetic"}


def type_counts(parts: Mapping[str, ad.AnnData], labels_key: str) -> pd.DataFrame:
    """Count the cells of each type in each part.

    Parameters
    ----------
    parts
        AnnData objects by name, such as ``{"real test": ..., "synthetic": ...}``.
    labels_key
        Column of ``obs`` with the cell types; parts without it, and cells without a label, are left out.

    Returns
    -------
    Numbers of cells, types as rows (commonest in the first part first, ``"unsure"`` last), parts as columns.
    """
    columns = {
        name: part.obs[labels_key].dropna().astype(str).value_counts()
        for name, part in parts.items()
        if labels_key in part.obs
    }
    table = pd.DataFrame(columns).fillna(0).astype(np.int64)
    if not table.columns.empty:
        table = table.sort_values(list(table.columns), ascending=False, kind="stable")
    unsure = table.index == UNSURE
    table = pd.concat([table[~unsure], table[unsure]])
    table.index.name = "cell_type"
    return table


@styled
def composition(
    counts: pd.DataFrame,
    *,
    rare: Collection[str] = (),
    ax: Axes | None = None,
    show: bool = False,
    save: str | Path | None = None,
) -> Axes:
    """Draw the share of each type in each part on a logarithmic axis, with the numbers of cells beside it.

    Types with no cell at all stand as open markers in the grey band on the left: a logarithm has no zero.

    Parameters
    ----------
    counts
        Numbers of cells, types as rows, parts as columns; :func:`type_counts` makes it.
    rare
        Types whose name is followed by "(rare)".
    ax
        Axes to draw on; by default those of a new figure.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Raises
    ------
    InputError
        When the table is empty or a part has no cell.

    Examples
    --------
    >>> import pandas as pd
    >>> counts = pd.DataFrame({"real test": [90, 10], "synthetic": [100, 0]}, index=["B", "NK"])
    >>> [label.get_text() for label in composition(counts, rare=["NK"]).get_yticklabels()]
    ['B', 'NK (rare)']
    """
    if counts.empty or (counts.sum() == 0).any():
        found = counts.sum().to_dict() or "no part"
        msg = f"every part needs cells with a type; numbers of cells found: {found}"
        raise InputError(msg)
    ax = own_axes(ax, 0.9 + 0.27 * len(counts), width=FIGURE_WIDTH)
    shares = 100 * counts / counts.sum()
    smallest = float(shares[shares > 0].min().min())
    has_absent = bool((shares[shares.index != UNSURE] == 0).to_numpy().any())
    zero = smallest / 2.2 if has_absent else None
    ax.hlines(range(len(counts)), zero or smallest / 1.3, 100, color="#EDEDED", linewidth=0.8, zorder=0)
    if zero is not None:
        ax.axvspan(zero / 1.5, zero * 1.5, color="#F4F4F4", zorder=0)
    for column, part in enumerate(counts.columns):
        _draw_part(ax, shares[part], zero, column=column, n_parts=len(counts.columns))
        _write_counts(ax, counts[part], column=column)
    _finish(ax, counts, rare)
    _percent_axis(ax, smallest, zero)
    return finish(ax, show=show, save=save)


def _colour(part: str) -> str:
    return SOURCE_COLOURS.get(COLOURS.get(part, ""), FAINT)


def _draw_part(ax: Axes, shares: "pd.Series[float]", zero: float | None, *, column: int, n_parts: int) -> None:
    rows = np.arange(len(shares)) + 0.17 * (2 * column - n_parts + 1) / max(n_parts - 1, 1)
    part, share = str(shares.name), shares.to_numpy(dtype=float)
    drawn: dict[str, Any] = {"marker": MARKERS[column % len(MARKERS)], "s": 30, "clip_on": False, "zorder": 3}
    ax.scatter(share[share > 0], rows[share > 0], color=_colour(part), label=part, **drawn)
    if zero is not None:
        absent = (share == 0) & np.asarray(shares.index != UNSURE)
        places = np.full(absent.sum(), zero)
        ax.scatter(places, rows[absent], color="white", edgecolor=_colour(part), **drawn)


def _write_counts(ax: Axes, counts: "pd.Series[int]", *, column: int) -> None:
    # x in parts of the axes, y in data; then a shift in points, which the layout can make room for.
    frame = ax.get_yaxis_transform()
    place: dict[str, Any] = {"xycoords": frame, "textcoords": "offset points", "ha": "right", "annotation_clip": False}
    shift = 48 + 58 * column
    ax.annotate(str(counts.name), (1, -0.75), xytext=(shift, 0), va="bottom", color=_colour(str(counts.name)), **place)
    for row, number in enumerate(counts):
        ax.annotate(f"{number:,}", (1, row), xytext=(shift, 0), va="center", fontsize=8.5, **place)


def _finish(ax: Axes, counts: pd.DataFrame, rare: Collection[str]) -> None:
    names = [f"{name} (rare)" if name in rare else str(name) for name in counts.index]
    ax.set_yticks(range(len(names)), [plain(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel("share of cells (logarithmic)")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncol=len(counts.columns), handletextpad=0.1, borderpad=0)


def _percent_axis(ax: Axes, smallest: float, zero: float | None) -> None:
    """Make the axis logarithmic from the smallest share to all cells, with a place for "none" at ``zero``."""
    ax.set_xscale("log")
    ax.set_xlim(smallest / 1.3 if zero is None else zero / 1.5, 100)
    low = smallest / 1.3 if zero is None else zero * 1.8
    decades = 10.0 ** np.arange(np.ceil(np.log10(low)), 3)
    ax.set_xticks([*([] if zero is None else [zero]), *decades])
    ax.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: "none" if zero is not None and np.isclose(x, zero) else f"{x:g} %")
    )
    ax.minorticks_off()


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
    ax.set_xticks(range(table.shape[1]), [short(str(name)) for name in table.columns], rotation=90)
    ax.set_yticks(range(len(table)), [short(str(name)) for name in table.index])
    ax.set_xlabel("predicted")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
