"""Variance and zeros of genes against their mean, in real and in synthetic cells."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from scgarage.errors import InputError
from scgarage.plotting.gene_moments import Matrix, moments
from scgarage.plotting.output import finish
from scgarage.plotting.palette import SOURCE_COLOURS
from scgarage.plotting.style import new_figure, styled

__all__ = ["mean_variance"]


@styled
def mean_variance(
    real: Matrix, synthetic: Matrix, *, counts: bool = False, show: bool = False, save: str | Path | None = None
) -> Figure:
    """Draw the variance of each gene, and its fraction of zeros, against its mean, real and synthetic together.

    Parameters
    ----------
    real, synthetic
        Counts or log1p CP10k of held-out real and of synthetic cells, shapes ``(n_cells, n_genes)``.
    counts
        Whether they are counts: for the names of the axes.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Raises
    ------
    InputError
        When the numbers of genes differ or all values are 0.
    """
    if real.shape[1] != synthetic.shape[1]:
        msg = f"the real cells have {real.shape[1]} genes and the synthetic ones {synthetic.shape[1]}; match them first"
        raise InputError(msg)
    described = {"real": moments(real), "synthetic": moments(synthetic)}
    described = {name: table[(table["mean"] > 0) & (table["variance"] > 0)] for name, table in described.items()}
    if any(table.empty for table in described.values()):
        msg = "a source has no gene with both a mean and a variance above 0; check its values"
        raise InputError(msg)
    figure = new_figure(3.5)
    left, right = figure.subplots(1, 2)
    for ax, column, title in ((left, "variance", "Variance"), (right, "zero_fraction", "Fraction of zeros")):
        for name, table in described.items():
            ax.scatter(
                table["mean"], table[column], s=8, alpha=0.5, color=SOURCE_COLOURS[name], linewidths=0, rasterized=True
            )  # fmt: skip
        unit = "counts" if counts else "log1p CP10k"
        ax.set(title=f"{title} against mean", xlabel=f"mean of {unit}", xscale="log")
    left.set(yscale="log", ylabel=f"variance of {'counts' if counts else 'log1p CP10k'}")
    right.set_ylabel("fraction of zeros")
    if counts:
        _draw_poisson(left, right, described)
    handles = [
        Line2D([], [], marker="o", markersize=5, linestyle="", color=SOURCE_COLOURS[name], label=label)
        for name, label in (("real", "real held-out cells"), ("synthetic", "synthetic cells"))
    ]
    lines = [Line2D([], [], color="#888888", linewidth=0.9, label="Poisson: variance = mean")] if counts else []
    figure.legend(handles=handles + lines, loc="outside lower center", ncol=3, handletextpad=0.4)
    return finish(figure, show=show, save=save)


def _draw_poisson(left: Axes, right: Axes, described: Mapping[str, pd.DataFrame]) -> None:
    """Draw what counts would have if every cell had the same rate."""
    means = pd.concat([table["mean"] for table in described.values()])
    grid = np.geomspace(means.min(), means.max(), 100)
    left.plot(grid, grid, color="#888888", linewidth=0.9, zorder=0)
    right.plot(grid, np.exp(-grid), color="#888888", linewidth=0.9, zorder=0)
