"""Moments, quantiles and correlations of genes, and library sizes."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray
from scipy import sparse, stats
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from scgarage.errors import InputError
from scgarage.io.cells import library_size as totals_per_cell
from scgarage.metrics.genes import spearman_matrix
from scgarage.plotting.style import INK, SOURCE_COLOURS, finish, new_figure, plain, styled

Matrix: TypeAlias = sparse.csr_matrix | NDArray[np.floating]

PANELS = {"mean": "Mean", "variance": "Variance", "zero_fraction": "Fraction of zeros"}
LABELS = {"floor": "real training cells (floor)", "synthetic": "synthetic cells"}


def moments(log_expr: Matrix) -> pd.DataFrame:
    r"""Describe each gene.

    .. math:: m_j = \tfrac{1}{n} \textstyle\sum_i x_{ij}, \quad
        v_j = \tfrac{1}{n} \textstyle\sum_i x_{ij}^2 - m_j^2, \quad z_j = \tfrac{1}{n} \textstyle\sum_i
        [x_{ij} = 0]

    Parameters
    ----------
    log_expr
        log1p CP10k, shape ``(n_cells, n_genes)``.

    Returns
    -------
    Columns ``mean``, ``variance`` and ``zero_fraction`` (float64), one row a gene.
    """
    n_cells = log_expr.shape[0]
    values = sparse.csr_matrix(log_expr, dtype=np.float64)
    values.eliminate_zeros()
    mean = np.asarray(values.mean(axis=0)).ravel()
    square = np.asarray(values.multiply(values).mean(axis=0)).ravel()
    zeros = 1 - values.getnnz(axis=0) / n_cells
    return pd.DataFrame({"mean": mean, "variance": np.maximum(square - mean**2, 0), "zero_fraction": zeros})


@styled
def gene_moments(
    real: Matrix, synthetic: Matrix, *, train: Matrix | None = None, show: bool = False, save: str | Path | None = None
) -> Figure:
    """Draw the moments of each gene in synthetic cells against those in real held-out cells.

    Each panel shows the identity line and, in its corner, Spearman's rank correlation and the mean absolute
    difference. With ``train`` the same comparison of real training cells stands behind in grey: the floor,
    what no generator beats by more than chance.

    Parameters
    ----------
    real, synthetic
        log1p CP10k of held-out real and of synthetic cells, shapes ``(n_cells, n_genes)``, the same genes in
        the same order.
    train
        log1p CP10k of real training cells, or ``None``.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Raises
    ------
    InputError
        When the numbers of genes differ.
    """
    parts = {"floor": train, "synthetic": synthetic}
    for name, matrix in parts.items():
        if matrix is not None and matrix.shape[1] != real.shape[1]:
            found = f"the {name} cells have {matrix.shape[1]} genes and the real ones {real.shape[1]}"
            msg = f"{found}; bring them into the same order with sg.pp.match_genes first"
            raise InputError(msg)
    truth = moments(real)
    described = {name: moments(matrix) for name, matrix in parts.items() if matrix is not None}
    figure = new_figure(3.7)
    for ax, (column, title) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        _draw_genes(ax, truth[column], {name: table[column] for name, table in described.items()})
        ax.set(title=title, xlabel="real held-out cells")
    figure.axes[0].set_ylabel("synthetic cells")
    handles = [
        Line2D([], [], marker="o", markersize=5, linestyle="", color=SOURCE_COLOURS[name], label=LABELS[name])
        for name in described
    ]
    figure.legend(handles=handles, loc="outside lower center", ncol=2, handletextpad=0.1)
    return finish(figure, show=show, save=save)


def _draw_genes(ax: Axes, truth: "pd.Series[float]", described: Mapping[str, "pd.Series[float]"]) -> None:
    size = 5 if len(truth) > 3000 else 9
    for name, values in described.items():
        colour = SOURCE_COLOURS[name]
        ax.scatter(truth, values, s=size, alpha=0.45, color=colour, linewidths=0, rasterized=True)
    _identity(ax)
    _write_agreement(ax, truth, described)


def _identity(ax: Axes) -> None:
    top = max(ax.get_xlim()[1], ax.get_ylim()[1])
    low = -0.03 * top
    ax.plot([0, top], [0, top], color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    ax.set(xlim=(low, top), ylim=(low, top))


def _write_agreement(ax: Axes, truth: "pd.Series[float]", described: Mapping[str, "pd.Series[float]"]) -> None:
    # The upper left is empty unless a gene is far above the line.
    for row, (name, values) in enumerate(reversed(list(described.items()))):
        error = _two_digits(np.abs(values - truth).mean())
        text = f"ρ = {_rank_correlation(truth, values)}   mean |Δ| = {error}"
        first = name == "synthetic"
        box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1}
        ax.text(
            0.03, 0.97 - 0.075 * row, text, transform=ax.transAxes, va="top", fontsize=8.5, bbox=box,
            color=INK if first else "#707070", fontweight="bold" if first else "normal",
        )  # fmt: skip


def _two_digits(value: float) -> str:
    return f"{value:#.2g}".rstrip(".")


def _rank_correlation(first: "pd.Series[float]", second: "pd.Series[float]") -> str:
    if first.nunique() < 2 or second.nunique() < 2:
        return "undefined"
    return f"{stats.spearmanr(first, second).statistic:.3f}"


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


PROBABILITIES = np.linspace(0.005, 0.995, 100)
"""From the lowest to the highest half percent: the very ends of two samples differ by chance."""

Side = tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating] | None]


@styled
def quantiles(values: Mapping[str, Side], *, show: bool = False, save: str | Path | None = None) -> Figure:
    """Draw QQ plots: 100 quantiles of synthetic against real held-out values, a panel for each quantity.

    Points on the line: the distributions are equal. In grey the same for real training cells.

    Parameters
    ----------
    values
        Real held-out, synthetic and (or ``None``) real training values of each quantity, by its name.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Raises
    ------
    InputError
        When there is no quantity or one has no value.

    Examples
    --------
    >>> import numpy as np
    >>> cells = np.arange(50.0)
    >>> len(quantiles({"counts": (cells, cells, None)}).axes)
    1
    """
    empty = [name for name, sides in values.items() if any(side is not None and not len(side) for side in sides)]
    if empty or not values:
        msg = f"quantiles need values on every side; found none for {empty or 'any quantity'}"
        raise InputError(msg)
    figure = new_figure(3.5)
    axes = figure.subplots(1, len(values), squeeze=False)[0]
    for ax, (name, (real, synthetic, train)) in zip(axes, values.items(), strict=True):
        _draw_quantiles(ax, real, {"floor": train, "synthetic": synthetic})
        ax.set(title=plain(name), xlabel="real held-out cells")
    axes[0].set_ylabel("synthetic cells")
    has_floor = any(train is not None for _, _, train in values.values())
    labels = ({"floor": "real training cells (floor)"} if has_floor else {}) | {"synthetic": "synthetic cells"}
    handles = [
        Line2D([], [], marker="o", markersize=5, linestyle="", color=SOURCE_COLOURS[name], label=label)
        for name, label in labels.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncol=2, handletextpad=0.1)
    return finish(figure, show=show, save=save)


def _draw_quantiles(ax: Axes, real: NDArray[np.floating], sides: Mapping[str, NDArray[np.floating] | None]) -> None:
    truth = np.quantile(real, PROBABILITIES)
    ends = [truth]
    for name, values in sides.items():
        if values is not None:
            found = np.quantile(values, PROBABILITIES)
            ends.append(found)
            ax.plot(truth, found, "o", color=SOURCE_COLOURS[name], markersize=3.5, markeredgewidth=0, alpha=0.8)
    low, high = min(map(np.min, ends)), max(map(np.max, ends))
    margin = 0.04 * (high - low) or 0.5
    limits = (low - margin, high + margin)
    ax.plot(limits, limits, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    ax.set(xlim=limits, ylim=limits)


def rank_correlations(log_expr: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return Spearman's correlation of every pair of genes, in [-1, 1]; 0 with a gene of one value.

    Parameters
    ----------
    log_expr
        log1p CP10k, ``(n_cells, n_genes)``, dense: some hundred genes at most.

    Returns
    -------
    Shape ``(n_genes, n_genes)``, 1 on the diagonal.
    """
    correlations = np.clip(spearman_matrix(np.asarray(log_expr, dtype=np.float64)), -1.0, 1.0)
    np.fill_diagonal(correlations, 1.0)
    return correlations


@styled
def gene_correlations(
    correlations: Mapping[str, NDArray[np.floating]],
    *,
    limit: float = 0.6,
    show: bool = False,
    save: str | Path | None = None,
) -> Figure:
    """Draw the correlations of each source as a heat map, genes in the order that clusters the first source.

    Parameters
    ----------
    correlations
        Correlations by source, ``(n_genes, n_genes)``, the real held-out cells first. The title of every other
        panel says the mean absolute difference to it.
    limit
        Correlation of the darkest colour.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Raises
    ------
    InputError
        When there is no source, the shapes differ, or there are fewer than three genes.
    """
    shapes = {name: values.shape for name, values in correlations.items()}
    if len(set(shapes.values())) != 1 or next(iter(shapes.values()))[0] < 3:
        msg = f"the heat maps need the same genes, at least 3, in every source; found {shapes or 'no source'}"
        raise InputError(msg)
    names = list(correlations)
    first = np.asarray(correlations[names[0]], dtype=np.float64)
    order = _order(first)
    figure = new_figure(3.5)
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    above = np.triu_indices(len(first), 1)
    for ax, name in zip(axes, names, strict=True):
        values = np.asarray(correlations[name], dtype=np.float64)
        image = ax.imshow(values[np.ix_(order, order)], cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        ax.set(xticks=[], yticks=[], title=name)
        if name != names[0]:
            ax.set_xlabel(f"mean |Δρ| = {np.abs(values - first)[above].mean():.3f}")
        ax.spines[:].set_visible(False)
    axes[0].set_xlabel(f"{len(first)} genes")
    bar = figure.colorbar(image, ax=list(axes), fraction=0.02, pad=0.015, extend="both")
    bar.set_label("Spearman's ρ")
    return finish(figure, show=show, save=save)


def _order(correlations: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return genes so that those that go together stand together."""
    distance = 1 - (correlations + correlations.T) / 2
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(np.maximum(distance, 0.0), checks=False), method="average", optimal_ordering=True)
    return np.asarray(leaves_list(tree), dtype=np.intp)


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
    _draw_sizes(left, totals_per_cell(real), totals_per_cell(synthetic), n_bins)
    left.set(title="Counts per cell", xlabel="counts (logarithmic)", ylabel="share of cells")
    _draw_sizes(right, genes_detected(real), genes_detected(synthetic), n_bins)
    right.set(title="Genes detected per cell", xlabel="genes (logarithmic)")
    return finish(figure, show=show, save=save)


def _draw_sizes(ax: Axes, real: NDArray[np.float64], synthetic: NDArray[np.float64], n_bins: int) -> None:
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
