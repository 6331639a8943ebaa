"""Fold changes and marker genes of types."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scgarage.metrics.metric import Metric, Points, TypedCells, check_typed, nothing, type_weights


def lfc_slope(
    real: ArrayLike, real_labels: ArrayLike, synthetic: ArrayLike, synthetic_labels: ArrayLike
) -> dict[str, float]:
    r"""Return for each type the slope of synthetic log fold changes on real ones, over genes.

    .. math::
        \beta_t = \frac{\mathrm{cov}_g(\ell_{tg}, \hat\ell_{tg})}{\mathrm{var}_g(\ell_{tg})}, \qquad
        \ell_{tg} = \log_2 \frac{1 + \bar c_{tg}}{1 + \bar c_{\neg t g}}

    where :math:`\bar c_{tg}` and :math:`\bar c_{\neg t g}` are the mean CP10k of gene :math:`g` in type
    :math:`t` and in all other cells. It is the ordinary regression: the noise of the real fold changes pulls it
    below 1 even for a perfect generator, the more the fewer cells a type has, and the floor shows by how much.
    An orthogonal regression has no such pull, but for a type of few cells its slope is not stable.

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

    Returns
    -------
    dict
        Slope by real type: 1 is ideal, below it differences between types are too small. NaN for a type
        without synthetic cells, and for all when fewer than two types have some. Types that only one side
        has are left out of "all other cells".

    Raises
    ------
    InputError
        If the arrays cannot be compared or do not fit the labels.

    References
    ----------
    Fold changes of mean CP10k with 1 added as in Seurat's FoldChange, Hao et al. 2024,
    doi:10.1038/s41587-023-01767-y. Attenuation: Carroll et al., Measurement error in nonlinear models, 2006,
    doi:10.1201/9781420010138.

    Examples
    --------
    >>> cells, labels = [[0.0, 3.0], [2.0, 1.0]], ["B", "T"]
    >>> lfc_slope(cells, labels, cells, labels)
    {'B': 1.0, 'T': 1.0}
    """
    sides = check_typed(real, real_labels, synthetic, synthetic_labels)
    types, x, y = _centred(*sides)
    slopes = _ratio((x * y).sum(axis=1), (x * x).sum(axis=1))
    return nothing(sides[0][1]) | dict(zip(types, slopes, strict=True))


def lfc_correlation(
    real: ArrayLike, real_labels: ArrayLike, synthetic: ArrayLike, synthetic_labels: ArrayLike
) -> dict[str, float]:
    """Return for each type the Pearson correlation of synthetic and real log fold changes, over genes.

    The fold changes are those of :func:`lfc_slope`; unlike the slope the correlation does not mind their size.

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

    Returns
    -------
    dict
        Correlation by real type, in [-1, 1]; NaN as for :func:`lfc_slope`.

    Raises
    ------
    InputError
        If the arrays cannot be compared or do not fit the labels.
    """
    sides = check_typed(real, real_labels, synthetic, synthetic_labels)
    types, x, y = _centred(*sides)
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    correlations = np.clip(_ratio((x * y).sum(axis=1), lengths), -1.0, 1.0)
    return nothing(sides[0][1]) | dict(zip(types, correlations, strict=True))


def _centred(real: TypedCells, synthetic: TypedCells) -> tuple[list[str], Points, Points]:
    """Return the shared types and the real and synthetic fold changes less their mean over genes."""
    types = np.intersect1d(real[1], synthetic[1])
    if len(types) < 2:
        nowhere = np.zeros((0, real[0].shape[1]))
        return [], nowhere, nowhere
    x, y = (_fold_changes(cells, labels, types) for cells, labels in (real, synthetic))
    return [str(name) for name in types], x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)


def _fold_changes(log_expr: Points, labels: ArrayLike, types: ArrayLike) -> Points:
    """Return log2 fold changes of each type against the others, (n_types, n_genes)."""
    weights = type_weights(np.asarray(labels), np.asarray(types))
    return log_fold_changes_of(
        weights @ np.expm1(log_expr), np.asarray(weights.sum(axis=1), dtype=np.float64).reshape(-1, 1)
    )


def log_fold_changes_of(sums: Points, sizes: Points) -> Points:
    """Return log2 fold changes of types from their summed CP10k, (n_types, n_genes), and sizes, (n_types, 1)."""
    rest = (sums.sum(axis=0) - sums) / (sizes.sum() - sizes)
    return np.asarray(np.log2(1 + sums / sizes) - np.log2(1 + rest), dtype=np.float64)


def _ratio(numerator: Points, denominator: Points) -> list[float]:
    """Divide; fold changes that are the same for all genes have neither slope nor correlation and give NaN."""
    known = denominator > 0
    ratio = np.full(len(numerator), np.nan)
    ratio[known] = numerator[known] / denominator[known]
    return [float(value) for value in ratio]


_REFERENCE = "fold changes as in Hao et al. 2024, doi:10.1038/s41587-023-01767-y"

LFC_SLOPE = Metric(
    function=lfc_slope,
    title="Log fold changes of types: slope",
    space="genes",
    given="typed genes",
    better="target 1",
    range=(float("-inf"), float("inf")),
    null="shuffled",
    groups="types",
    matched=True,
    reference=_REFERENCE,
    cost="n",
)

LFC_CORRELATION = Metric(
    function=lfc_correlation,
    title="Log fold changes of types: correlation",
    space="genes",
    given="typed genes",
    better="higher",
    range=(-1.0, 1.0),
    null="shuffled",
    groups="types",
    matched=True,
    reference=_REFERENCE,
    cost="n",
)


def marker_overlap(
    real: ArrayLike, real_labels: ArrayLike, synthetic: ArrayLike, synthetic_labels: ArrayLike, *, n_markers: int = 50
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
