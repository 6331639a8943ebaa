"""Real and synthetic cells in one map."""

import warnings
from collections.abc import Collection, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.io.cells import USABLE, match_genes, read_cells
from scgarage.plotting.style import (
    FAINT,
    FIGURE_WIDTH,
    INK,
    SOURCE_COLOURS,
    finish,
    new_figure,
    plain,
    styled,
    type_colours,
)
from scgarage.pp import Components, select_hvg
from scgarage.schema import REAL, SYNTHETIC, UNSURE


def log_expression(adata: ad.AnnData, layer: str | None = None) -> sparse.csr_matrix:
    """Return log1p CP10k, CSR, shape ``(n_cells, n_genes)``."""
    cells = read_cells(adata, layer=layer, or_x=True)
    if cells.kind in USABLE:
        return cells.log_expr if cells.kind == "counts" else cells.csr
    msg = (
        f"figures need counts or log1p CP10k values; {layer if layer in adata.layers else 'X'} holds {cells.kind} "
        "values; pass layer=, or call sg.pp.recover_counts first"
    )
    raise InputError(msg)


def counts_or_none(adata: ad.AnnData, layer: str | None = None) -> sparse.csr_matrix | None:
    """Return counts, CSR, shape ``(n_cells, n_genes)``, or ``None`` when the values are not counts."""
    cells = read_cells(adata, layer=layer, or_x=True)
    return cells.csr if cells.kind == "counts" else None


COLUMNS = ("umap1", "umap2", "source")
FEW_CELLS = 30
PANEL_POINTS = 215.0
NUMBER_GAP = 13.0
ANGLES = np.deg2rad([40, 140, 220, 320, 0, 90, 180, 270])
SHIFTS = np.vstack([[0, 0], *(r * np.column_stack([np.cos(ANGLES), np.sin(ANGLES)]) for r in (12, 24, 36))])
"""Where a number may stand, in points from its type's centre, best first."""


@styled
def embedding(
    coordinates: pd.DataFrame,
    *,
    rare: Collection[str] = (),
    random_state: int = 0,
    show: bool = False,
    save: str | Path | None = None,
) -> Figure:
    """Draw a joint embedding: once by source, and once by cell type for the real and for the synthetic cells.

    All panels share their axes. In the first the cells are drawn in random order, so neither source hides the
    other; in the others the cells of the other source stand behind in grey. Types are numbered by their
    number of real cells.

    Parameters
    ----------
    coordinates
        Columns ``umap1``, ``umap2``, ``source`` (``"real"`` or ``"synthetic"``) and, for the panels by type,
        ``cell_type`` (missing values for cells without a label), as :func:`joint_embedding` returns them.
    rare
        Types to mark as rare in the legend.
    random_state
        Seed of the drawing order.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Raises
    ------
    InputError
        When a column is missing or there is no cell.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"umap1": [0, 1], "umap2": [0, 1], "source": ["real", "synthetic"]})
    >>> len(embedding(cells).axes)
    1
    """
    missing = [column for column in COLUMNS if column not in coordinates]
    if missing or coordinates.empty:
        found = missing or "cells"
        msg = f"coordinates needs the columns {', '.join(COLUMNS)} and at least one cell; missing: {found}"
        raise InputError(msg)
    types = _types_by_abundance(coordinates)
    labelled = [name for name in (REAL, SYNTHETIC) if types and _labelled(coordinates, name).any()]
    n_panels = 1 + len(labelled)
    # Panels are about square; an exact aspect would make matplotlib cut off the titles.
    width = (4.6, 6.4, FIGURE_WIDTH)[len(labelled)]
    columns = _legend_columns(types, width)
    figure = new_figure(3.65 + 0.2 * -(-len(types) // columns), width=width)
    axes = figure.subplots(1, n_panels, sharex=True, sharey=True, squeeze=False)[0]
    size = float(np.clip(9_000 / len(coordinates), 3, 22))
    _draw_sources(axes[0], coordinates, size, random_state)
    for ax, source in zip(axes[1:], labelled, strict=True):
        _draw_types(ax, coordinates, source, types, size)
    for ax in axes:
        ax.set(xticks=[], yticks=[], xlabel="UMAP 1")
    axes[0].set_ylabel("UMAP 2")
    _draw_legend(figure, types, rare, columns)
    return finish(figure, show=show, save=save)


def _types_by_abundance(coordinates: pd.DataFrame) -> list[str]:
    """Return the types by number of real cells, then of all cells; "unsure" last."""
    if "cell_type" not in coordinates:
        return []
    real = coordinates["source"] == REAL
    counts = pd.DataFrame(
        {
            "real": coordinates.loc[real, "cell_type"].astype("string").value_counts(),
            "all": coordinates["cell_type"].astype("string").value_counts(),
        }
    ).fillna(0)
    names = [str(name) for name in counts.sort_values(["real", "all"], ascending=False, kind="stable").index]
    return sorted(names, key=lambda name: name == UNSURE)


def _labelled(coordinates: pd.DataFrame, source: str) -> NDArray[np.bool_]:
    return np.asarray((coordinates["source"] == source) & coordinates["cell_type"].notna(), dtype=bool)


def _draw_sources(ax: Axes, coordinates: pd.DataFrame, size: float, random_state: int) -> None:
    shuffled = coordinates.sample(frac=1, random_state=random_state)
    ax.scatter(
        shuffled["umap1"],
        shuffled["umap2"],
        c=[SOURCE_COLOURS[source] for source in shuffled["source"]],
        s=size,
        alpha=0.65,
        linewidths=0,
        rasterized=True,
    )
    ax.set_title("Real and synthetic")
    handles = []
    for source in (REAL, SYNTHETIC):
        label = f"{source} ({(coordinates['source'] == source).sum():,})"
        handles.append(Line2D([], [], marker="o", linestyle="", color=SOURCE_COLOURS[source], label=label))
    # Below the panel, where no cell can be.
    ax.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncol=2, handletextpad=0.1, columnspacing=1
    )


def _draw_types(ax: Axes, coordinates: pd.DataFrame, source: str, types: Sequence[str], size: float) -> None:
    colours = type_colours(types)
    shown = coordinates["source"] == source
    others, cells = coordinates[~shown], coordinates[shown]
    ax.scatter(others["umap1"], others["umap2"], c="#E3E3E3", s=size, linewidths=0, rasterized=True)
    names = cells["cell_type"].astype("string")
    ax.scatter(
        cells["umap1"],
        cells["umap2"],
        c=[colours.get(name, FAINT) if isinstance(name, str) else FAINT for name in names],
        s=size,
        alpha=0.8,
        linewidths=0,
        rasterized=True,
    )
    ax.set_title(f"{source.capitalize()} by cell type")
    labels: list[tuple[int, NDArray[np.floating], bool]] = []
    for number, name in enumerate(types, start=1):
        points = cells.loc[np.asarray(names == name, dtype=bool), ["umap1", "umap2"]].to_numpy()
        if not len(points) or name == UNSURE:
            continue
        few = len(points) < FEW_CELLS
        if few:  # once more on top, larger, so that the others do not bury them
            x, y = points.T
            ax.scatter(x, y, color=colours[name], s=2 * size, edgecolor="white", linewidth=0.4, rasterized=True)
        # The cell nearest to the median: the median itself may lie between two halves of a type.
        centre = points[np.square(points - np.median(points, axis=0)).sum(axis=1).argmin()]
        labels.append((number, centre, few))
    _draw_numbers(ax, labels)


def _draw_numbers(ax: Axes, labels: Sequence[tuple[int, NDArray[np.floating], bool]]) -> None:
    """Write each number at its type, beside it where there are few cells, and none over another."""
    span = np.array([np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())])
    taken = np.full((len(labels), 2), np.inf)
    for i, (number, centre, few) in enumerate(labels):
        places = centre / span * PANEL_POINTS + (SHIFTS[1:] if few else SHIFTS)
        gaps = np.linalg.norm(places[:, None] - taken[None], axis=2).min(axis=1)
        free = np.flatnonzero(gaps > NUMBER_GAP)
        taken[i] = places[free[0] if free.size else gaps.argmax()]
        shift = taken[i] - centre / span * PANEL_POINTS
        far = np.hypot(*shift) > NUMBER_GAP
        ax.annotate(
            str(number), (centre[0], centre[1]), xytext=tuple(shift), textcoords="offset points", ha="center",
            va="center", fontsize=9, fontweight="bold",
            path_effects=[withStroke(linewidth=2.2, foreground="white")],
            arrowprops={"arrowstyle": "-", "linewidth": 0.6, "color": INK, "shrinkB": 0} if far else None,
        )  # fmt: skip


def _legend_columns(types: Sequence[str], width: float) -> int:
    longest = max((len(name) for name in types), default=0) + len("00  (rare)    ")
    return max(1, min(len(types), 5, round(12 * width) // longest))


def _draw_legend(figure: Figure, types: Sequence[str], rare: Collection[str], columns: int) -> None:
    if not types:
        return
    handles = []
    for number, (name, colour) in enumerate(type_colours(types).items(), start=1):
        label = name if name == UNSURE else f"{number}  {name}{' (rare)' if name in rare else ''}"
        handles.append(Line2D([], [], marker="o", linestyle="", color=colour, label=plain(label)))
    figure.legend(handles=handles, loc="outside lower center", ncol=columns, handletextpad=0.1)


def joint_embedding(
    real: ad.AnnData,
    synthetic: ad.AnnData,
    *,
    train: ad.AnnData | None = None,
    labels_key: str | None = None,
    layer: str | None = None,
    n_top_genes: int = 1000,
    n_pcs: int = 50,
    n_neighbors: int = 15,
    max_cells: int = 2000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Embed equal numbers of real and synthetic cells in one UMAP.

    The space is that of the judge: log1p CP10k, the highly variable genes of the training cells, principal
    components of the real held-out cells. Neighbours and UMAP then see both sources at once, so cells that
    differ lie apart.

    Parameters
    ----------
    real
        Held-out real cells; counts or log1p CP10k.
    synthetic
        Synthetic cells with the same genes, in any order.
    train
        Cells on which the highly variable genes are chosen; ``real`` by default.
    labels_key
        Column of ``obs`` with cell types; a source without it gets missing values.
    layer
        Layer with the values, where a source has it; else ``X``.
    n_top_genes, n_pcs, n_neighbors
        Number of highly variable genes, of principal components and of neighbours.
    max_cells
        Largest number of cells of each source; the number drawn is the same for both.
    random_state
        Seed of the draw, of the PCA and of UMAP.

    Returns
    -------
    Columns ``umap1``, ``umap2`` (float32), ``source`` and ``cell_type`` (str or missing), one row a cell,
    real cells first, indexed by cell name.

    Raises
    ------
    InputError
        When there are fewer than five cells of a source or the genes do not match.

    References
    ----------
    McInnes et al., UMAP, 2018, arXiv:1802.03426.
    """
    n_cells = min(real.n_obs, synthetic.n_obs, max_cells)
    if n_cells < 5:
        found = f"{real.n_obs} real and {synthetic.n_obs} synthetic"
        msg = f"a joint embedding needs at least 5 cells of each source; found {found}"
        raise InputError(msg)
    rng = np.random.default_rng(random_state)
    synthetic = match_genes(synthetic, real.var_names)
    parts = {REAL: _draw(real, n_cells, rng), SYNTHETIC: _draw(synthetic, n_cells, rng)}
    log_train = log_expression(real if train is None else match_genes(train, real.var_names), layer)
    genes = np.flatnonzero(select_hvg(log_train, n_top_genes))
    log_expr = {source: log_expression(cells, layer)[:, genes] for source, cells in parts.items()}
    components = Components.fit(log_expr[REAL], n_pcs, random_state=random_state)
    scores = np.vstack([components.transform(matrix) for matrix in log_expr.values()])
    coordinates = _umap(scores, n_neighbors, random_state)
    frame = pd.DataFrame(
        {"umap1": coordinates[:, 0], "umap2": coordinates[:, 1], "source": np.repeat([REAL, SYNTHETIC], n_cells)},
        index=np.concatenate([cells.obs_names for cells in parts.values()]),
    )
    frame["cell_type"] = np.concatenate([_labels(cells, labels_key) for cells in parts.values()])
    return frame


def _draw(cells: ad.AnnData, n_cells: int, rng: np.random.Generator) -> ad.AnnData:
    return cells[np.sort(rng.choice(cells.n_obs, n_cells, replace=False))]


def _labels(cells: ad.AnnData, labels_key: str | None) -> NDArray[np.object_]:
    if labels_key is None or labels_key not in cells.obs:
        return np.full(cells.n_obs, None, dtype=object)
    labels = cells.obs[labels_key]
    return np.asarray(labels.astype(object).where(labels.notna(), None), dtype=object)


def _umap(scores: NDArray[np.float32], n_neighbors: int, random_state: int) -> NDArray[np.float32]:
    import scanpy as sc

    table = ad.AnnData(obs=pd.DataFrame(index=[str(i) for i in range(len(scores))]), obsm={"X_pca": scores})
    with warnings.catch_warnings():
        # umap and numba announce deprecations and the one thread that a fixed seed costs: nothing to act on.
        warnings.simplefilter("ignore")
        sc.pp.neighbors(
            table, n_neighbors=min(n_neighbors, len(scores) - 1), use_rep="X_pca", random_state=random_state
        )
        sc.tl.umap(table, random_state=random_state)
    return np.asarray(table.obsm["X_umap"], dtype=np.float32)
