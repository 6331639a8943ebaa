"""Log fold changes of the types in synthetic cells against those in real ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.plotting.output import finish
from scgarage.plotting.palette import INK, SOURCE_COLOURS
from scgarage.plotting.style import new_figure, plain, styled
from scgarage.plotting.type_means import Matrix, indicator

__all__ = ["fold_changes", "log_fold_changes"]

COLUMNS = 5


def log_fold_changes(log_expr: Matrix, labels: ArrayLike, types: Sequence[str]) -> NDArray[np.float64]:
    r"""Return the log fold change of each gene in each type against the cells of all other types.

    .. math:: \ell_{tg} = \log_2 (1 + \bar c_{tg}) - \log_2 (1 + \bar c_{\neg t g})

    with mean CP10k :math:`\bar c`, as in the metric ``lfc_slope``.

    Parameters
    ----------
    log_expr
        log1p CP10k, ``(n_cells, n_genes)``.
    labels
        Type of each cell, ``(n_cells,)``.
    types
        Types, at least two; cells of others are left out.

    Returns
    -------
    Shape ``(n_types, n_genes)``, log2 units.

    Raises
    ------
    InputError
        When there are fewer than two types, or a type has no cell.
    """
    if len(types) < 2:
        msg = f"fold changes compare types; found {len(types)} type, expected at least 2"
        raise InputError(msg)
    members = indicator(labels, types)
    n = np.asarray(members.sum(axis=1), dtype=np.float64).reshape(-1, 1)
    sums = np.asarray((members @ sparse.csr_matrix(log_expr, dtype=np.float64).expm1()).toarray())
    rest = (sums.sum(axis=0) - sums) / (n.sum() - n)
    return np.asarray(np.log2(1 + sums / n) - np.log2(1 + rest), dtype=np.float64)


@styled
def fold_changes(
    real: NDArray[np.floating],
    synthetic: NDArray[np.floating],
    types: Sequence[str],
    *,
    train: NDArray[np.floating] | None = None,
    show: bool = False,
    save: str | Path | None = None,
) -> Figure:
    """Draw the log fold change of each gene, synthetic against real held-out cells, a panel for each type.

    Each panel shows the identity line and the slope of the regression through the mean; 1 keeps differences
    between types as they are, below 1 they are too small. The same of real training cells stands behind in grey.

    Parameters
    ----------
    real, synthetic
        Log fold changes, ``(n_types, n_genes)``, as :func:`log_fold_changes` returns them.
    types
        Names of the types, ``(n_types,)``.
    train
        Those of real training cells, or ``None``.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Raises
    ------
    InputError
        When the shapes differ or there is no type.
    """
    parts = {"floor": train, "synthetic": synthetic}
    shown = {name: values for name, values in parts.items() if values is not None}
    if not len(types) or any(values.shape != real.shape for values in shown.values()) or len(types) != len(real):
        shapes = {"real": real.shape} | {name: values.shape for name, values in shown.items()}
        msg = f"fold changes need the same types and genes on every side; found {len(types)} types and {shapes}"
        raise InputError(msg)
    n_rows = -(-len(types) // COLUMNS)
    figure = new_figure(0.6 + 1.95 * n_rows)
    axes = figure.subplots(n_rows, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    limit = 1.05 * max(float(np.abs(values).max()) for values in [real, *shown.values()]) or 1.0
    for number, ax in enumerate(axes):
        if number >= len(types):
            ax.set_visible(False)
            continue
        _draw(ax, real[number], {name: values[number] for name, values in shown.items()}, limit)
        ax.set_title(plain(_short(str(types[number]))), fontsize=9)
    figure.supxlabel("log2 fold change, real held-out cells", fontsize=9)
    figure.supylabel("synthetic cells", fontsize=9)
    labels = {"floor": "real training cells", "synthetic": "synthetic cells"}
    handles = [
        Line2D([], [], marker="o", markersize=5, linestyle="", color=SOURCE_COLOURS[name], label=labels[name])
        for name in shown
    ]
    figure.legend(handles=handles, loc="outside upper right", ncol=2, handletextpad=0.1)
    return finish(figure, show=show, save=save)


def _draw(ax: Axes, real: NDArray[np.floating], sides: dict[str, NDArray[np.floating]], limit: float) -> None:
    for name, values in sides.items():
        ax.scatter(real, values, s=5, alpha=0.45, color=SOURCE_COLOURS[name], linewidths=0, rasterized=True)
    ax.plot([-limit, limit], [-limit, limit], color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
    texts = [f"slope {_slope(real, sides['synthetic'])}"]
    texts += [f"({_slope(real, sides['floor'])})"] if "floor" in sides else []
    ax.text(0.03, 0.97, " ".join(texts), transform=ax.transAxes, va="top", fontsize=8)


def _slope(x: NDArray[np.floating], y: NDArray[np.floating]) -> str:
    centred = x - x.mean()
    square = float(centred @ centred)
    return f"{float(centred @ (y - y.mean())) / square:.2f}" if square > 0 else "undefined"


def _short(name: str, length: int = 20) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"
