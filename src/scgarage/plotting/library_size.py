"""Total counts and genes detected per cell."""

from pathlib import Path
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.plotting.output import finish
from scgarage.plotting.palette import SOURCE_COLOURS
from scgarage.plotting.style import new_figure, styled
from scgarage.preprocess import library_size as totals_per_cell

__all__ = ["genes_detected", "library_size"]

Matrix: TypeAlias = sparse.csr_matrix | NDArray[np.floating]


def genes_detected(counts: Matrix) -> NDArray[np.float64]:
    """Return the number of genes with at least one count in each cell, shape ``(n_cells,)``."""
    return np.asarray((counts > 0).sum(axis=1), dtype=np.float64).ravel()


@styled
def library_size(
    real: Matrix, synthetic: Matrix, *, n_bins: int = 40, show: bool = False, save: str | Path | None = None
) -> Figure:
    """Draw the distributions of total counts and of genes detected per cell, with their medians.

    Parameters
    ----------
    real, synthetic
        Counts, shapes ``(n_cells, n_genes)``.
    n_bins
        Number of bins, the same for both, equally wide on the logarithmic axis.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Raises
    ------
    InputError
        When a source has no cell with counts.
    """
    figure = new_figure(2.8)
    left, right = figure.subplots(1, 2)
    _draw(left, totals_per_cell(real), totals_per_cell(synthetic), n_bins)
    left.set(title="Counts per cell", xlabel="counts (logarithmic)", ylabel="share of cells")
    _draw(right, genes_detected(real), genes_detected(synthetic), n_bins)
    right.set(title="Genes detected per cell", xlabel="genes (logarithmic)")
    return finish(figure, show=show, save=save)


def _draw(ax: Axes, real: NDArray[np.float64], synthetic: NDArray[np.float64], n_bins: int) -> None:
    values = {"real": real[real > 0], "synthetic": synthetic[synthetic > 0]}
    if min(map(len, values.values())) == 0:
        msg = "a source has no cell with counts; check that the values are counts"
        raise InputError(msg)
    everything = np.concatenate(list(values.values()))
    low, high = everything.min(), everything.max()
    if low == high:
        low, high = low * 0.9, high * 1.1
    bins = np.geomspace(low, high, n_bins + 1).tolist()
    bins[0], bins[-1] = low, high  # rounding must not leave out the extreme cells
    for source, cells in values.items():
        colour = SOURCE_COLOURS[source]
        label = f"{source}, median {np.median(cells):,.0f}"
        weights = np.full(len(cells), 1 / len(cells))
        ax.hist(cells, bins=bins, weights=weights, histtype="stepfilled", color=colour, alpha=0.22, linewidth=0)
        ax.hist(cells, bins=bins, weights=weights, histtype="step", color=colour, linewidth=1.5, label=label)
        ax.axvline(float(np.median(cells)), color=colour, linewidth=1, linestyle=(0, (4, 3)))
    ax.set_xscale("log")
    whole = FuncFormatter(lambda x, _: f"{x:,.0f}")
    ax.xaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5), numticks=12))
    ax.xaxis.set_major_formatter(whole)
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(0, ax.get_ylim()[1] * 1.28)  # room for the legend above the curves
    legend = ax.legend(loc="upper left", borderpad=0.1, labelspacing=0.2, frameon=True, framealpha=0.85)
    legend.get_frame().set_linewidth(0)  # only keeps the dashed lines out of the words
