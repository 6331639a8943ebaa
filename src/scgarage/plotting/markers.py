"""Means of types, marker genes and fold changes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.metrics.markers import log_fold_changes_of
from scgarage.plotting.style import FIGURE_WIDTH, INK, SOURCE_COLOURS, finish, new_figure, plain, short, styled

Matrix: TypeAlias = sparse.csr_matrix | NDArray[np.floating]


def indicator(labels: ArrayLike, types: Sequence[str]) -> sparse.csr_matrix:
    """Return which cells have which type, float64, ``(n_types, n_cells)``."""
    names = np.asarray(labels).astype(str)
    codes = {name: row for row, name in enumerate(types)}
    rows = np.array([codes.get(name, -1) for name in names.tolist()], dtype=np.intp)
    cells = np.flatnonzero(rows >= 0)
    shape = (len(types), len(names))
    found = sparse.csr_matrix((np.ones(len(cells)), (rows[cells], cells)), shape=shape)
    absent = [name for name, n_cells in zip(types, found.getnnz(axis=1), strict=True) if not n_cells]
    if absent:
        msg = f"no cell has the type {', '.join(map(repr, absent))}; leave the type out"
        raise InputError(msg)
    return found


def type_means(values: Matrix, labels: ArrayLike, types: Sequence[str]) -> NDArray[np.float64]:
    """Return the mean of each gene in each type, ``(n_types, n_genes)``, in the units of ``values``.

    Parameters
    ----------
    values
        Expression, ``(n_cells, n_genes)``.
    labels
        Type of each cell, ``(n_cells,)``.
    types
        Types to return, in this order.

    Raises
    ------
    InputError
        When a type has no cell.
    """
    members = indicator(labels, types)
    return np.asarray((members @ sparse.csr_matrix(values, dtype=np.float64)).toarray()) / _sizes(members)


def shares_expressing(values: Matrix, labels: ArrayLike, types: Sequence[str]) -> NDArray[np.float64]:
    """Return the share of cells of each type with a value above 0, ``(n_types, n_genes)``, in [0, 1].

    Parameters and errors are those of :func:`type_means`.
    """
    return type_means(sparse.csr_matrix(values) > 0, labels, types)


def top_markers(
    log_expr: Matrix, labels: ArrayLike, types: Sequence[str], *, n_per_type: int = 3
) -> list[NDArray[np.intp]]:
    r"""Return for each type the genes of largest Welch t against all other types, each gene once.

    .. math:: (\bar x_t - \bar x_{\neg t}) / \sqrt{s_t^2 / n_t + s_{\neg t}^2 / n_{\neg t}}

    Parameters
    ----------
    log_expr
        log1p CP10k, ``(n_cells, n_genes)``.
    labels
        Type of each cell, ``(n_cells,)``.
    types
        Types in the order in which they choose.
    n_per_type
        Genes of each type; fewer where the genes run out.

    Raises
    ------
    InputError
        When there are fewer than two types, or a type has no cell.
    """
    if len(types) < 2:
        msg = f"marker genes tell types from each other; found {len(types)} type, expected at least 2"
        raise InputError(msg)
    t = _welch(sparse.csr_matrix(log_expr, dtype=np.float64), indicator(labels, types))
    free = np.ones(t.shape[1], dtype=np.bool_)
    chosen = []
    for row in t:
        genes = np.argsort(np.where(free & (row > 0), -row, np.inf), kind="stable")[:n_per_type]
        genes = genes[free[genes] & (row[genes] > 0)]
        free[genes] = False
        chosen.append(genes)
    return chosen


def _sizes(members: sparse.csr_matrix) -> NDArray[np.float64]:
    return np.asarray(members.sum(axis=1), dtype=np.float64).reshape(-1, 1)


def _welch(values: sparse.csr_matrix, members: sparse.csr_matrix) -> NDArray[np.float64]:
    n = _sizes(members)
    sums = np.asarray((members @ values).toarray())
    squares = np.asarray((members @ values.multiply(values).tocsr()).toarray())
    mean, error = _mean_and_error(n, sums, squares)
    rest_mean, rest_error = _mean_and_error(n.sum() - n, sums.sum(axis=0) - sums, squares.sum(axis=0) - squares)
    spread = np.sqrt(error + rest_error)
    return np.asarray((mean - rest_mean) / np.where(spread > 0, spread, np.inf), dtype=np.float64)


def _mean_and_error(
    n: NDArray[np.float64], sums: NDArray[np.float64], squares: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean = sums / n
    return mean, np.maximum(squares / n - mean**2, 0.0) / np.maximum(n - 1, 1)


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
        drawn = _draw_markers(ax, means[source], shares[source], top=max(top, 1e-9), groups=groups)
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


def _draw_markers(
    ax: Axes, means: pd.DataFrame, shares: pd.DataFrame, *, top: float, groups: Sequence[int]
) -> PathCollection:
    rows, columns = np.indices(means.shape)
    drawn = ax.scatter(
        columns.ravel(), rows.ravel(), s=LARGEST * shares.to_numpy().ravel(), c=means.to_numpy().ravel(),
        cmap="viridis_r", vmin=0, vmax=top, linewidths=0,
    )  # fmt: skip
    for border in np.cumsum(groups)[:-1]:
        ax.axhline(border - 0.5, color="#E4E4E4", linewidth=0.6, zorder=0)
    ax.set_xticks(range(means.shape[1]), [short(str(name)) for name in means.columns], rotation=45, ha="right")
    ax.set_yticks(range(len(means)), [plain(str(name)) for name in means.index])
    ax.tick_params(length=0)
    ax.set_xlim(-0.7, means.shape[1] - 0.3)
    ax.set_ylim(len(means) - 0.3, -0.7)
    return drawn


PANELS_PER_ROW = 5


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
    sums = np.asarray((members @ sparse.csr_matrix(log_expr, dtype=np.float64).expm1()).toarray())
    return log_fold_changes_of(sums, _sizes(members))


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
    n_rows = -(-len(types) // PANELS_PER_ROW)
    figure = new_figure(0.6 + 1.95 * n_rows)
    axes = figure.subplots(n_rows, PANELS_PER_ROW, sharex=True, sharey=True, squeeze=False).ravel()
    limit = 1.05 * max(float(np.abs(values).max()) for values in [real, *shown.values()]) or 1.0
    for number, ax in enumerate(axes):
        if number >= len(types):
            ax.set_visible(False)
            continue
        _draw_fold_changes(ax, real[number], {name: values[number] for name, values in shown.items()}, limit)
        ax.set_title(short(str(types[number]), 20), fontsize=9)
    figure.supxlabel("log2 fold change, real held-out cells", fontsize=9)
    figure.supylabel("synthetic cells", fontsize=9)
    labels = {"floor": "real training cells", "synthetic": "synthetic cells"}
    handles = [
        Line2D([], [], marker="o", markersize=5, linestyle="", color=SOURCE_COLOURS[name], label=labels[name])
        for name in shown
    ]
    figure.legend(handles=handles, loc="outside upper right", ncol=2, handletextpad=0.1)
    return finish(figure, show=show, save=save)


def _draw_fold_changes(
    ax: Axes, real: NDArray[np.floating], sides: dict[str, NDArray[np.floating]], limit: float
) -> None:
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
