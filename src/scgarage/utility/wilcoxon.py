"""Wilcoxon's rank-sum test, all genes at once."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from scgarage.errors import InputError

__all__ = ["wilcoxon"]


def wilcoxon(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    r"""Return two-sided p-values of the rank-sum test of two groups of cells, gene by gene.

    .. math:: z = \frac{U - n_1 n_2 / 2 \mp 1/2}{\sqrt{\tfrac{n_1 n_2}{12}
        \left(n + 1 - \tfrac{\sum_j (t_j^3 - t_j)}{n (n - 1)}\right)}}

    The normal approximation with the correction for ties :math:`t_j`, which matters: most values of a gene are
    zeros.

    Parameters
    ----------
    first, second
        Expression of the groups, (n_cells, n_genes), in the same units.

    Returns
    -------
    numpy.ndarray
        p-values, (n_genes,); 1 for a gene with one and the same value in all cells.

    Raises
    ------
    InputError
        If a group is empty or the numbers of genes differ.

    References
    ----------
    Mann and Whitney, On a test of whether one of two random variables is stochastically larger than the other, 1947,
    doi:10.1214/aoms/1177730491.
    """
    if first.ndim != 2 or second.ndim != 2 or not len(first) or not len(second) or first.shape[1] != second.shape[1]:
        msg = f"the groups have shapes {first.shape} and {second.shape}; expected (n_cells, n_genes), cells in both"
        raise InputError(msg)
    p_values = np.ones(first.shape[1])
    lowest = np.minimum(first.min(axis=0), second.min(axis=0))
    varies = lowest < np.maximum(first.max(axis=0), second.max(axis=0))
    if varies.any():
        tested = stats.mannwhitneyu(first[:, varies], second[:, varies], axis=0, method="asymptotic")
        p_values[varies] = tested.pvalue
    return p_values
