"""Whether types have the same marker genes in real and synthetic cells."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scgarage.metrics.by_type import TypedCells, check_typed, nothing, type_weights
from scgarage.metrics.checks import Points
from scgarage.metrics.metric import Metric


def marker_overlap(
    real: ArrayLike,
    real_labels: ArrayLike,
    synthetic: ArrayLike,
    synthetic_labels: ArrayLike,
    *,
    n_markers: int = 50,
) -> dict[str, float]:
    r"""Return for each type the share of its top real marker genes that are top synthetic ones.

    .. math::
        \frac{\lvert M_t \cap \hat M_t \rvert}{\lvert M_t \rvert}, \qquad
        M_t: \text{ genes of largest } \frac{\bar x_t - \bar x_{\neg t}}{\sqrt{s_t^2 / n_t + s_{\neg t}^2 / n_{\neg t}}}

    Welch's t of the type's cells against all others.

    Parameters
    ----------
    real
        Expression of real cells, (n_real, n_genes), log1p CP10k.
    real_labels
        Type of each real cell, (n_real,).
    synthetic
        Expression of synthetic cells, (n_synthetic, n_genes), log1p CP10k.
    synthetic_labels
        Type of each synthetic cell, (n_synthetic,).
    n_markers
        Number of top genes; at most a tenth of all genes is used, since chance alone makes larger lists agree.

    Returns
    -------
    dict
        Share by real type, in [0, 1]; NaN for a type with fewer than two synthetic or real cells, and for all
        when fewer than two types have as many.

    Raises
    ------
    InputError
        If the arrays cannot be compared or do not fit the labels.

    References
    ----------
    Soneson and Robinson, Bias, robustness and scalability in single-cell differential expression analysis, 2018,
    doi:10.1038/nmeth.4612.

    Examples
    --------
    >>> cells, labels = [[0.0, 3.0], [0.5, 2.0], [2.0, 1.0], [2.5, 1.5]], ["B", "B", "T", "T"]
    >>> marker_overlap(cells, labels, cells, labels)
    {'B': 1.0, 'T': 1.0}
    """
    sides = check_typed(real, real_labels, synthetic, synthetic_labels)
    found = nothing(sides[0][1])
    types = np.intersect1d(_at_least_two(sides[0][1]), _at_least_two(sides[1][1]))
    if len(types) < 2:
        return found
    n_genes = sides[0][0].shape[1]
    n_top = max(1, min(n_markers, n_genes // 10))
    tops = [np.argsort(-_welch(side, types), axis=1, kind="stable")[:, :n_top] for side in sides]
    chosen = np.zeros((2, len(types), n_genes), dtype=np.bool_)
    for side, top in zip(chosen, tops, strict=True):
        np.put_along_axis(side, top, values=True, axis=1)
    shares = (chosen[0] & chosen[1]).sum(axis=1) / n_top
    return found | {str(name): float(share) for name, share in zip(types, shares, strict=True)}


def _at_least_two(labels: NDArray[np.str_]) -> NDArray[np.str_]:
    types, counts = np.unique(labels, return_counts=True)
    return types[counts >= 2]


def _welch(cells: TypedCells, types: NDArray[np.str_]) -> Points:
    """Return Welch's t of each type against the other types, (n_types, n_genes); 0 without any variance."""
    values, labels = cells
    weights = type_weights(labels, types)
    n = np.asarray(weights.sum(axis=1), dtype=np.float64).reshape(-1, 1)
    sums, squares = weights @ values, weights @ (values * values)
    mean, error = _mean_and_error(n, sums, squares)
    other_mean, other_error = _mean_and_error(n.sum() - n, sums.sum(axis=0) - sums, squares.sum(axis=0) - squares)
    spread = np.sqrt(error + other_error)
    return np.asarray((mean - other_mean) / np.where(spread > 0, spread, np.inf), dtype=np.float64)


def _mean_and_error(n: Points, sums: Points, squares: Points) -> tuple[Points, Points]:
    mean = sums / n
    return mean, np.maximum(squares / n - mean**2, 0.0) / (n - 1)


MARKER_OVERLAP = Metric(
    function=marker_overlap,
    title="Top 50 marker genes of types: overlap",
    space="genes",
    given="typed genes",
    better="higher",
    range=(0.0, 1.0),
    null="shuffled",
    groups="types",
    matched=True,
    reference="Soneson and Robinson 2018, doi:10.1038/nmeth.4612 (Welch's t)",
    cost="n",
)
