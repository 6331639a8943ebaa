"""Distance between the distributions of single genes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scgarage.metrics.checks import Points, check_points
from scgarage.metrics.metric import Metric

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
    real: Points,
    synthetic: Points,
    rows: NDArray[np.intp],
    other_rows: NDArray[np.intp],
    widths: NDArray[np.float64],
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
