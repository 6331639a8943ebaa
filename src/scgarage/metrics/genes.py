"""Means, variances, zeros, distributions and correlations of genes, spread within types, and library sizes."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata, wasserstein_distance

from scgarage.errors import InputError
from scgarage.metrics.metric import Metric, Points, check_labels, check_points, check_typed, nothing, pairs


def zero_fraction_error(real: ArrayLike, synthetic: ArrayLike) -> float:
    """Return the mean absolute difference of the genes' zero fractions.

    Parameters
    ----------
    real
        Expression of real cells, (n_real, n_genes), counts or log1p CP10k.
    synthetic
        Expression of synthetic cells, (n_synthetic, n_genes). Only exact zeros count, so a generator of
        continuous values has none.

    Returns
    -------
    float
        In [0, 1]; 0 is ideal.

    Raises
    ------
    InputError
        If the arrays are empty, not finite or have different numbers of columns.

    Examples
    --------
    >>> zero_fraction_error([[0.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [2.0, 1.0]])
    0.25
    """
    real, synthetic = check_points(real=real, synthetic=synthetic)
    return float(np.abs((real == 0).mean(axis=0) - (synthetic == 0).mean(axis=0)).mean())


def gene_mean_error(real: ArrayLike, synthetic: ArrayLike) -> float:
    """Return the mean absolute difference of the genes' means.

    Parameters
    ----------
    real
        Expression of real cells, (n_real, n_genes), log1p CP10k.
    synthetic
        Expression of synthetic cells, (n_synthetic, n_genes), log1p CP10k.

    Returns
    -------
    float
        >= 0, in units of the expression; 0 is ideal.

    Raises
    ------
    InputError
        If the arrays are empty, not finite or have different numbers of columns.
    """
    real, synthetic = check_points(real=real, synthetic=synthetic)
    return float(np.abs(real.mean(axis=0) - synthetic.mean(axis=0)).mean())


def gene_variance_error(real: ArrayLike, synthetic: ArrayLike) -> float:
    """Return the mean absolute difference of the genes' variances (divisor n_cells).

    Parameters
    ----------
    real
        Expression of real cells, (n_real, n_genes), log1p CP10k.
    synthetic
        Expression of synthetic cells, (n_synthetic, n_genes), log1p CP10k.

    Returns
    -------
    float
        >= 0, in squared units of the expression; 0 is ideal.

    Raises
    ------
    InputError
        If the arrays are empty, not finite or have different numbers of columns.
    """
    real, synthetic = check_points(real=real, synthetic=synthetic)
    return float(np.abs(real.var(axis=0) - synthetic.var(axis=0)).mean())


_REFERENCE = "Crowell et al., The shaky foundations of simulating scRNA-seq data, 2023, doi:10.1186/s13059-023-02904-1"

ZERO_FRACTION_ERROR = Metric(
    function=zero_fraction_error,
    title="Zero fraction per gene: mean absolute error",
    space="genes",
    better="lower",
    range=(0.0, 1.0),
    null="poisson",
    reference=_REFERENCE,
    cost="n",
)

GENE_MEAN_ERROR = Metric(
    function=gene_mean_error,
    title="Mean per gene: mean absolute error",
    space="genes",
    better="lower",
    range=(0.0, float("inf")),
    null="poisson",
    reference=_REFERENCE,
    cost="n",
)

GENE_VARIANCE_ERROR = Metric(
    function=gene_variance_error,
    title="Variance per gene: mean absolute error",
    space="genes",
    better="lower",
    range=(0.0, float("inf")),
    null="poisson",
    reference=_REFERENCE,
    cost="n",
)


_BLOCK = 500
"""Genes sorted at once, which bounds the memory."""


def gene_wasserstein(real: ArrayLike, synthetic: ArrayLike) -> float:
    r"""Return the mean over genes of the Wasserstein-1 distance of their expression.

    .. math:: \frac{1}{G} \sum_{g} \int_0^1 \lvert F_g^{-1}(u) - H_g^{-1}(u) \rvert \, du

    where :math:`F_g^{-1}` and :math:`H_g^{-1}` are the quantiles of gene :math:`g` among real and synthetic
    cells.

    Parameters
    ----------
    real
        Expression of real cells, (n_real, n_genes), log1p CP10k.
    synthetic
        Expression of synthetic cells, (n_synthetic, n_genes), log1p CP10k; the two numbers of cells may
        differ.

    Returns
    -------
    float
        >= 0, in units of the expression; 0 is ideal.

    Raises
    ------
    InputError
        If the arrays are empty, not finite or have different numbers of columns.

    References
    ----------
    Ramdas, Garcia Trillos and Cuturi, On Wasserstein two-sample testing and related families of nonparametric
    tests, 2017, doi:10.3390/e19020047.

    Examples
    --------
    >>> gene_wasserstein([[0.0, 1.0], [2.0, 1.0]], [[2.0, 1.0], [2.0, 1.0]])
    0.5
    """
    real, synthetic = check_points(real=real, synthetic=synthetic)
    n_genes = real.shape[1]
    rows, other_rows, widths = _quantile_steps(len(real), len(synthetic))
    total = sum(
        _summed(real[:, first : first + _BLOCK], synthetic[:, first : first + _BLOCK], rows, other_rows, widths)
        for first in range(0, n_genes, _BLOCK)
    )
    return float(total / n_genes)


def _quantile_steps(n_cells: int, n_others: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return the steps on which both quantile functions are constant: their rows of sorted values and widths."""
    # Whole numbers of 1 / (n m), so that steps that meet are found exactly.
    ends = np.union1d(np.arange(1, n_cells + 1) * n_others, np.arange(1, n_others + 1) * n_cells)
    starts = np.concatenate([[0], ends[:-1]])
    return starts // n_others, starts // n_cells, (ends - starts) / (n_cells * n_others)


def _summed(
    real: Points, synthetic: Points, rows: NDArray[np.intp], other_rows: NDArray[np.intp], widths: NDArray[np.float64]
) -> float:
    difference = np.sort(real, axis=0)[rows] - np.sort(synthetic, axis=0)[other_rows]
    return float((widths @ np.abs(difference)).sum())


GENE_WASSERSTEIN = Metric(
    function=gene_wasserstein,
    title="Wasserstein-1 distance per gene: mean",
    space="genes",
    better="lower",
    range=(0.0, float("inf")),
    null="poisson",
    reference="Ramdas, Garcia Trillos and Cuturi 2017, doi:10.3390/e19020047",
    cost="n log n",
)


def gene_correlation_error(real: ArrayLike, synthetic: ArrayLike, *, n_genes: int = 200) -> float:
    r"""Return the mean absolute difference of gene-gene Spearman correlations.

    .. math:: \frac{2}{G(G - 1)} \sum_{g < h} \lvert \rho_{gh} - \hat\rho_{gh} \rvert

    over the :math:`G` genes that vary most among the real cells. Ties share their mean rank, as zeros do. A gene
    with one value only has no correlation; it counts as 0.

    Parameters
    ----------
    real
        Expression of real cells, (n_real, n_genes), log1p CP10k.
    synthetic
        Expression of synthetic cells, (n_synthetic, n_genes), log1p CP10k.
    n_genes
        Number of genes to take, by their variance among the real cells; all when there are fewer.

    Returns
    -------
    float
        In [0, 2]; 0 is ideal. The noise of few cells counts on both sides, see the floor.

    Raises
    ------
    InputError
        If an array has fewer than 2 cells or genes, or they cannot be compared.

    References
    ----------
    Crowell et al., The shaky foundations of simulating scRNA-seq data, 2023, doi:10.1186/s13059-023-02904-1.

    Examples
    --------
    >>> real = [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]
    >>> round(gene_correlation_error(real, real), 6), round(gene_correlation_error(real, real[::-1]), 6)
    (0.0, 0.0)
    """
    real, synthetic = check_points(2, real=real, synthetic=synthetic)
    if real.shape[1] < 2:
        msg = "real has 1 gene; a correlation needs at least 2"
        raise InputError(msg)
    chosen = np.argsort(-real.var(axis=0), kind="stable")[:n_genes]
    difference = spearman_matrix(real[:, chosen]) - spearman_matrix(synthetic[:, chosen])
    return float(np.abs(difference[np.triu_indices(len(chosen), 1)]).mean())


def spearman_matrix(values: Points) -> Points:
    """Return the rank correlations of all pairs of columns, (n_columns, n_columns); 0 with a constant column."""
    ranks = rankdata(values, axis=0)
    ranks -= ranks.mean(axis=0)
    length = np.linalg.norm(ranks, axis=0)
    ranks /= np.where(length > 0, length, 1.0)
    return np.asarray(ranks.T @ ranks, dtype=np.float64)


GENE_CORRELATION_ERROR = Metric(
    function=gene_correlation_error,
    title="Gene-gene Spearman correlation: mean absolute error",
    space="genes",
    better="lower",
    range=(0.0, 2.0),
    null="poisson",
    reference="Crowell et al. 2023, doi:10.1186/s13059-023-02904-1",
    cost="n log n, genes^2",
    min_cells=2,
)


def library_size_error(real_totals: ArrayLike, synthetic_totals: ArrayLike) -> float:
    r"""Return the Wasserstein-1 distance between the log library sizes of two sets of cells.

    .. math:: W_1(\log s, \log \hat s)

    with natural logarithms: cells of twice the depth give :math:`\log 2 = 0.69`. A total below 1 counts as 1.

    Parameters
    ----------
    real_totals
        Counts of each real cell over all genes, (n_real,).
    synthetic_totals
        Counts of each synthetic cell over all genes, (n_synthetic,).

    Returns
    -------
    float
        >= 0; 0 is ideal.

    Raises
    ------
    InputError
        If totals are missing, negative, not finite or not one-dimensional.

    References
    ----------
    Crowell et al., The shaky foundations of simulating scRNA-seq data, 2023, doi:10.1186/s13059-023-02904-1.

    Examples
    --------
    >>> round(library_size_error([1000, 2000], [2000, 4000]), 4)
    0.6931
    """
    real, synthetic = _logged("real_totals", real_totals), _logged("synthetic_totals", synthetic_totals)
    return float(wasserstein_distance(real, synthetic))


def _logged(name: str, totals: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(totals, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        msg = f"{name} has shape {values.shape}; expected the total counts of at least one cell"
        raise InputError(msg)
    if not np.isfinite(values).all() or (values < 0).any():
        msg = f"{name} holds negative or infinite values or NaN; expected total counts"
        raise InputError(msg)
    return np.log(np.maximum(values, 1.0))


LIBRARY_SIZE_ERROR = Metric(
    function=library_size_error,
    title="Log library size: Wasserstein-1 distance",
    space="genes",
    given="depth",
    better="lower",
    range=(0.0, float("inf")),
    null="poisson",
    reference="Crowell et al. 2023, doi:10.1186/s13059-023-02904-1",
    cost="n log n",
)


FLAT = 1e-9
"""Deviations up to this, relative to the size of the values, are rounding errors."""


def type_axes(log_expr: ArrayLike, labels: ArrayLike, *, n_axes: int = 10) -> dict[str, Points]:
    """Return for each type the directions in which its cells vary most, for :func:`type_spread`.

    Parameters
    ----------
    log_expr
        Expression of real cells that are compared with nothing, (n_cells, n_genes), log1p CP10k.
    labels
        Type of each cell, (n_cells,).
    n_axes
        Principal components of a type; at most half as many as it has cells.

    Returns
    -------
    dict
        Orthonormal axes by type, (n_axes, n_genes), those of the largest variance first. A type of one cell, or of
        cells that are all the same, has none and is left out.

    Raises
    ------
    InputError
        If the array and the labels do not fit.

    Examples
    --------
    >>> type_axes([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]], ["B", "B", "B"])["B"].round(3).tolist()
    [[1.0, 0.0]]
    """
    (cells,), types = check_points(log_expr=log_expr), check_labels("labels", labels)
    if len(cells) != len(types):
        msg = f"log_expr has {len(cells)} cells and labels {len(types)}; expected one label for each cell"
        raise InputError(msg)
    found = {str(name): _axes(cells[types == name], n_axes) for name in np.unique(types)}
    return {name: axes for name, axes in found.items() if len(axes)}


def _axes(cells: Points, n_axes: int) -> Points:
    """Return the first principal axes; the largest entry of each is positive."""
    _, strength, axes = np.linalg.svd(cells - cells.mean(axis=0), full_matrices=False)
    axes = axes[: min(n_axes, len(cells) // 2, int((strength > FLAT * np.linalg.norm(cells)).sum()))]
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    return np.asarray(axes * np.sign(largest)[:, None], dtype=np.float64)


def type_spread(
    axes: Mapping[str, ArrayLike],
    real: ArrayLike,
    real_labels: ArrayLike,
    synthetic: ArrayLike,
    synthetic_labels: ArrayLike,
) -> dict[str, float]:
    r"""Return for each type how widely synthetic cells vary, relative to real ones, where real cells vary most.

    .. math:: s_t = \frac{\sum_k \mathrm{var}(\hat X_t a_{tk})}{\sum_k \mathrm{var}(X_t a_{tk})}

    with the real cells :math:`X_t` and the synthetic cells :math:`\hat X_t` of type :math:`t`, and axes :math:`a_{tk}`
    fitted on cells that are in neither: along axes fitted on the real cells themselves, these would vary more than any
    others do. Sums before the division: a mean of the ratios along single axes comes out too large, and along the later
    axes there is mostly the noise of single genes, which independent genes have, too.

    Parameters
    ----------
    axes
        Directions by type, (n_axes, n_genes), see :func:`type_axes`.
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
        Ratio by real type: 1 is ideal, 0.7 says that 30 % of the variance is missing, above 1 there is too much. NaN
        for a type with fewer than two cells on a side, without axes, or whose real cells are all the same.

    Raises
    ------
    InputError
        If the arrays cannot be compared or do not fit the labels.

    Examples
    --------
    >>> real, synthetic = [[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]], [[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]]
    >>> labels = ["B", "B", "B"]
    >>> type_spread(type_axes(real, labels), real, labels, synthetic, labels)
    {'B': 0.25}
    """
    sides = check_typed(real, real_labels, synthetic, synthetic_labels)
    found = nothing(sides[0][1])
    for name, held, made in pairs(*sides):
        if name in axes and min(len(held), len(made)) > 1:
            found[name] = _variance_ratio(*check_points(real=held, synthetic=made, axes=axes[name]))
    return found


def _variance_ratio(real: Points, synthetic: Points, axes: Points) -> float:
    held, made = (float((cells @ axes.T).var(axis=0, ddof=1).sum()) for cells in (real, synthetic))
    return made / held if held > FLAT**2 * np.square(real).sum() else float("nan")


TYPE_SPREAD = Metric(
    function=type_spread,
    title="Spread within types",
    space="genes",
    given="axes and typed genes",
    better="target 1",
    range=(0.0, float("inf")),
    null="poisson",
    groups="types",
    matched=True,
    weighted=True,
    reference="ratios of variances along the principal axes of each type of real cells",
    cost="n",
    min_cells=15,
)
