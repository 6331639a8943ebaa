"""How genes go together in real and in synthetic cells."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from scgarage.errors import InputError
from scgarage.plotting.output import finish
from scgarage.plotting.style import new_figure, styled

__all__ = ["gene_correlations", "rank_correlations"]


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
    ranks = rankdata(np.asarray(log_expr, dtype=np.float64), axis=0)
    ranks -= ranks.mean(axis=0)
    length = np.linalg.norm(ranks, axis=0)
    ranks /= np.where(length > 0, length, 1.0)
    correlations = np.clip(ranks.T @ ranks, -1.0, 1.0)
    np.fill_diagonal(correlations, 1.0)
    return np.asarray(correlations, dtype=np.float64)


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
