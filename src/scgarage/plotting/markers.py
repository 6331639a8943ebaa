"""Marker genes of the types in real and in synthetic cells."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from scgarage.errors import InputError
from scgarage.plotting.output import finish
from scgarage.plotting.style import FIGURE_WIDTH, new_figure, plain, styled

__all__ = ["markers"]

LARGEST = 62.0
"""Area of the dot of a gene that all cells of a type express, in square points."""

SHARES = (0.1, 0.5, 1.0)


@styled
def markers(
    means: Mapping[str, pd.DataFrame],
    shares: Mapping[str, pd.DataFrame],
    *,
    groups: Sequence[int] = (),
    show: bool = False,
    save: str | Path | None = None,
) -> Figure:
    """Draw a dot for each gene and type: its size is the share of expressing cells, its colour the mean.

    Parameters
    ----------
    means
        Mean log1p CP10k by source, genes as rows and types as columns; each source is a panel. The same genes
        and types for all.
    shares
        Share of the cells with a value above 0, in [0, 1], in the same form.
    groups
        Number of genes of each type, in the order of the rows; a line parts them.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Raises
    ------
    InputError
        When there is no source, gene or type, or the tables do not fit each other.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"B": [1.0, 0.1], "T": [0.2, 0.9]}, index=["CD79A", "CD3D"])
    >>> len(markers({"real": table, "synthetic": table}, {"real": table, "synthetic": table}).axes)
    3
    """
    first = next(iter(means.values()), pd.DataFrame())
    fitting = list(means) == list(shares) and all(
        table.index.equals(first.index) and table.columns.equals(first.columns)
        for table in [*means.values(), *shares.values()]
    )
    if first.empty or not fitting:
        shapes = {name: table.shape for name, table in means.items()}
        msg = f"means and shares need the same sources, genes and types; found {shapes or 'no source'}"
        raise InputError(msg)
    longest = max(len(str(name)) for name in first.columns)
    figure = new_figure(1.0 + 0.06 * min(longest, 28) + 0.17 * len(first), width=FIGURE_WIDTH)
    axes = figure.subplots(1, len(means), sharey=True, squeeze=False)[0]
    top = max(float(table.to_numpy().max()) for table in means.values())
    for ax, source in zip(axes, means, strict=True):
        drawn = _draw(ax, means[source], shares[source], top=max(top, 1e-9), groups=groups)
        ax.set_title(source)
    bar = figure.colorbar(drawn, ax=list(axes), fraction=0.025, pad=0.015, aspect=30)
    bar.set_label("mean log1p CP10k")
    dot: dict[str, Any] = {"marker": "o", "linestyle": "", "color": "#777777"}
    sizes = [(np.sqrt(LARGEST * share), f"{share:.0%}") for share in SHARES]
    handles = [Line2D([], [], markersize=size, label=label, **dot) for size, label in sizes]
    figure.legend(
        handles=handles, loc="outside lower center", ncol=3, title="cells that express the gene", title_fontsize=9
    )
    return finish(figure, show=show, save=save)


def _draw(ax: Axes, means: pd.DataFrame, shares: pd.DataFrame, *, top: float, groups: Sequence[int]) -> PathCollection:
    rows, columns = np.indices(means.shape)
    drawn = ax.scatter(
        columns.ravel(), rows.ravel(), s=LARGEST * shares.to_numpy().ravel(), c=means.to_numpy().ravel(),
        cmap="viridis_r", vmin=0, vmax=top, linewidths=0,
    )  # fmt: skip
    for border in np.cumsum(groups)[:-1]:
        ax.axhline(border - 0.5, color="#E4E4E4", linewidth=0.6, zorder=0)
    ax.set_xticks(range(means.shape[1]), [_short(str(name)) for name in means.columns], rotation=45, ha="right")
    ax.set_yticks(range(len(means)), [plain(str(name)) for name in means.index])
    ax.tick_params(length=0)
    ax.set_xlim(-0.7, means.shape[1] - 0.3)
    ax.set_ylim(len(means) - 0.3, -0.7)
    return drawn


def _short(name: str, length: int = 28) -> str:
    return plain(name if len(name) <= length else f"{name[: length - 1]}…")
