"""What could explain attention without any attention: degree, depth, outlying cells, the order of the rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import hypergeom, spearmanr

from scgarage.errors import InputError
from scgarage.seeds.base import top_cells

__all__ = ["compare_explanations", "neighbour_distance", "published_scores"]

EXPLANATION_COLUMNS = (
    "score", "spearman_with_attention", "recall_highest", "recall_lowest", "chance", "chance_low", "chance_high",
    "overlap_with_attention",
)  # fmt: skip


def published_scores(edges: NDArray[np.int64], n_cells: int) -> NDArray[np.float64]:
    r"""Return what the published code ranks cells by: means of row numbers in place of attention.

    .. math:: s_i = \frac{1}{2} \Big( i + \frac{1}{|N(i)| + 1} \big( i + \sum_{j \in N(i)} j \big) \Big)

    The code takes the first part of the pair (edges, attention) for the attention, and averages it over the edges of a
    cell, its self-loop included. This is a reconstruction: the published file lacks the lines that unpack the pair.

    Parameters
    ----------
    edges
        Edges (source, target) without self-loops, ``(2, n_edges)``.
    n_cells
        Number of cells.

    Returns
    -------
    numpy.ndarray
        ``(n_cells,)``; the same cells in another order get other scores.

    References
    ----------
    Ganguly et al., bioRxiv 2025, doi:10.1101/2025.09.28.679012, and its repository.

    Examples
    --------
    >>> published_scores(np.array([[1, 0], [0, 1]]), 2).tolist()
    [0.25, 0.75]
    """
    rows = np.arange(n_cells, dtype=np.float64)
    sources, targets = np.concatenate([edges[0], np.arange(n_cells)]), np.concatenate([edges[1], np.arange(n_cells)])
    n_edges = np.bincount(targets, minlength=n_cells)
    sums = np.bincount(targets, weights=sources.astype(np.float64), minlength=n_cells)
    return (rows + sums / n_edges) / 2


def neighbour_distance(points: NDArray[np.floating], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean Euclidean distance of each cell to its neighbours, ``(n_cells,)``: how far out it lies.

    Parameters
    ----------
    points
        Coordinates, ``(n_cells, n_components)``.
    edges
        Edges (source, target) without self-loops, ``(2, n_edges)``; every cell is a target.
    """
    length = np.linalg.norm(points[edges[0]] - points[edges[1]], axis=1).astype(np.float64)
    n_cells = len(points)
    counts = np.bincount(edges[1], minlength=n_cells)
    return np.asarray(np.bincount(edges[1], weights=length, minlength=n_cells) / counts, dtype=np.float64)


def compare_explanations(
    scores: Mapping[str, NDArray[np.floating]], rare: NDArray[np.bool_], *, n_selected: int, random_state: int = 0
) -> pd.DataFrame:
    """Compare scores by the rare cells among their highest and lowest, and by how they go with the first of them.

    Parameters
    ----------
    scores
        Scores by name, ``(n_cells,)`` each; the first is the attention.
    rare
        Mask of the cells of rare types, ``(n_cells,)``.
    n_selected
        Number of cells selected.
    random_state
        Seed that orders equal scores.

    Returns
    -------
    pandas.DataFrame
        A row for each score: ``score``, ``spearman_with_attention``, ``recall_highest`` and ``recall_lowest`` (share of
        the rare cells that the cells with the highest, or lowest, scores hold), ``chance`` with the interval
        ``chance_low`` to ``chance_high`` that holds 95 % of random selections (hypergeometric), and
        ``overlap_with_attention`` (share of the highest that attention selects too). These are missing for a score that
        is the same for all cells, recalls also when no cell is rare.

    Raises
    ------
    InputError
        If ``n_selected`` is out of range, or the scores have other lengths than ``rare``.
    """
    n_cells, n_rare = len(rare), int(rare.sum())
    if not 0 < n_selected < n_cells or not scores or any(len(values) != n_cells for values in scores.values()):
        lengths = {name: len(values) for name, values in scores.items()}
        msg = f"n_selected={n_selected} of {n_cells} cells, scores of lengths {lengths}; expected fewer, and as many"
        raise InputError(msg)
    chance = n_selected / n_cells if n_rare else float("nan")
    by_chance = hypergeom(n_cells, n_rare, n_selected)
    low, high = (float(by_chance.ppf(q)) / n_rare if n_rare else float("nan") for q in (0.025, 0.975))
    rng = np.random.default_rng(random_state)
    attention = np.asarray(next(iter(scores.values())), dtype=np.float64)
    chosen = top_cells(attention, n_selected, rng)
    rows: list[dict[str, Any]] = []
    for name, values in scores.items():
        ranked = np.asarray(values, dtype=np.float64)
        highest, lowest = (top_cells(sign * ranked, n_selected, rng) for sign in (1, -1))
        highest = highest if rows else chosen
        row: dict[str, Any] = {"score": name, "spearman_with_attention": _spearman(attention, ranked)}
        constant = np.ptp(ranked) == 0
        for end, cells in {"recall_highest": highest, "recall_lowest": lowest}.items():
            row[end] = float("nan") if constant or not n_rare else float(rare[cells].sum() / n_rare)
        row |= {"chance": chance, "chance_low": low, "chance_high": high}
        row["overlap_with_attention"] = float("nan") if constant else len(np.intersect1d(highest, chosen)) / n_selected
        rows.append(row)
    return pd.DataFrame(rows, columns=list(EXPLANATION_COLUMNS))


def _spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(spearmanr(first, second).statistic)
