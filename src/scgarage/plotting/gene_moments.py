"""Mean, variance and zero fraction of each gene in real and synthetic cells."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from scipy import sparse, stats

from scgarage.errors import InputError
from scgarage.plotting.output import finish
from scgarage.plotting.palette import INK, SOURCE_COLOURS
from scgarage.plotting.style import new_figure, styled

__all__ = ["gene_moments", "moments"]

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
