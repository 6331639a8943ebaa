"""Shares of the cell types among real and synthetic cells."""

from collections.abc import Collection, Mapping

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from scgarage.errors import InputError
from scgarage.plotting.palette import FAINT, SOURCE_COLOURS
from scgarage.plotting.style import FIGURE_WIDTH, own_axes, plain, styled
from scgarage.schema import UNSURE

__all__ = ["composition", "type_counts"]

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
def composition(counts: pd.DataFrame, *, rare: Collection[str] = (), ax: Axes | None = None) -> Axes:
    """Draw the share of each type in each part on a logarithmic axis, with the numbers of cells beside it.

    Types with no cell at all stand as open markers in the grey band on the left, since a logarithm has no zero.

    Parameters
    ----------
    counts
        Numbers of cells, types as rows, parts as columns; :func:`type_counts` makes it.
    rare
        Types whose name is followed by "(rare)".
    ax
        Axes to draw on; by default those of a new figure.

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
        msg = f"every part needs cells with a type; numbers of cells found: {counts.sum().to_dict() or 'no part'}"
        raise InputError(msg)
    ax = own_axes(ax, 0.9 + 0.27 * len(counts), width=FIGURE_WIDTH)
    shares = 100 * counts / counts.sum()
    smallest = float(shares[shares > 0].min().min())
    zero = smallest / 2.2
    rows = np.arange(len(counts))
    ax.hlines(rows, zero, 100, color="#EDEDED", linewidth=0.8, zorder=0)
    ax.axvspan(zero / 1.5, zero * 1.5, color="#F4F4F4", zorder=0)
    offsets = np.linspace(-0.17, 0.17, len(counts.columns)) if len(counts.columns) > 1 else np.zeros(1)
    for i, (part, offset) in enumerate(zip(counts.columns, offsets, strict=True)):
        colour = SOURCE_COLOURS.get(COLOURS.get(part, ""), FAINT)
        share = shares[part].to_numpy()
        absent = share == 0
        marker = MARKERS[i % len(MARKERS)]
        drawn = {"marker": marker, "s": 30, "color": colour, "clip_on": False, "zorder": 3}
        ax.scatter(share[~absent], rows[~absent] + offset, label=str(part), **drawn)
        ax.scatter(np.full(absent.sum(), zero), rows[absent] + offset, **(drawn | {"color": "white", "edgecolor": colour}))
        _write_counts(ax, counts[part], column=i, colour=colour)
    _finish(ax, counts, rare, zero)
    return ax


def _write_counts(ax: Axes, counts: "pd.Series[int]", *, column: int, colour: str) -> None:
    # x in parts of the axes, y in data; then a shift in points, which the layout can make room for.
    frame = ax.get_yaxis_transform()
    place = {"xycoords": frame, "textcoords": "offset points", "ha": "right", "annotation_clip": False}
    shift = 48 + 58 * column
    ax.annotate(str(counts.name), (1, -0.75), xytext=(shift, 0), va="bottom", color=colour, **place)
    for row, number in enumerate(counts):
        ax.annotate(f"{number:,}", (1, row), xytext=(shift, 0), va="center", fontsize=8.5, **place)


def _finish(ax: Axes, counts: pd.DataFrame, rare: Collection[str], zero: float) -> None:
    names = [f"{name} (rare)" if name in rare else str(name) for name in counts.index]
    ax.set_yticks(range(len(names)), [plain(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xscale("log")
    ax.set_xlim(zero / 1.5, 100)
    decades = 10.0 ** np.arange(np.ceil(np.log10(zero * 1.8)), 3)
    ax.set_xticks([zero, *decades])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: "none" if np.isclose(x, zero) else f"{x:g} %"))
    ax.minorticks_off()
    ax.set_xlabel("share of cells (logarithmic)")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncol=len(counts.columns), handletextpad=0.1, borderpad=0)
