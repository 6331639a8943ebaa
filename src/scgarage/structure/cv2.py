"""Gene selection by the squared coefficient of variation, above what the mean explains."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import nnls

from scgarage.structure.moments import GeneMoments, clipped_variance

__all__ = ["MIN_CELLS", "cv2", "cv2_score", "fit_trend"]

MIN_CELLS = 3
"""Cells that must express a gene for its variation to say anything (scanpy's tutorials drop the others)."""

_ITERATIONS = 100
_TOLERANCE = 1e-10


def cv2(log_expr: sparse.csr_matrix | NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    r"""Return the squared coefficient of variation of every gene, on CP10k values.

    .. math:: CV^2_j = v_j / m_j^2

    Parameters
    ----------
    log_expr
        log1p CP10k, (n_cells, n_genes); mean :math:`m` and variance :math:`v` are those of CP10k.

    Returns
    -------
    numpy.ndarray
        float64, (n_genes,); NaN for genes without expression.

    Raises
    ------
    InputError
        If there are fewer than two cells.

    Examples
    --------
    >>> cv2(np.log1p(np.array([[1.0], [3.0]]))).round(3).tolist()
    [0.5]
    """
    return _cv2(GeneMoments.of(log_expr))


def cv2_score(log_expr: sparse.csr_matrix | NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    r"""Score genes by their squared coefficient of variation over the one expected at their mean.

    .. math:: s_j = \frac{v'_j / m_j^2}{a_1 / m_j + a_0}

    The trend is fitted to the :math:`CV^2` of all genes (:func:`fit_trend`); :math:`v'_j` is the variance with
    values bounded, so that no single cell decides (:func:`clipped_variance`). The plain :math:`CV^2` is no use
    as a score: counting noise alone makes it grow as :math:`1 / m_j`, so its top genes are those seen in one
    cell.

    Parameters
    ----------
    log_expr
        log1p CP10k, (n_cells, n_genes).

    Returns
    -------
    numpy.ndarray
        float64, (n_genes,), about 1 where the mean explains everything; minus infinity for genes that fewer than
        :data:`MIN_CELLS` cells express.

    Raises
    ------
    InputError
        If there are fewer than two cells.

    References
    ----------
    Brennecke et al., Nature Methods 2013, doi:10.1038/nmeth.2645.
    """
    moments = GeneMoments.of(log_expr)
    variation = _cv2(moments)
    score = np.full(len(variation), -np.inf)
    usable = (moments.n_detected >= MIN_CELLS) & (variation > 0)
    if usable.any():
        mean = moments.mean[usable]
        slope, constant = fit_trend(mean, variation[usable])
        trend = np.zeros(len(variation))
        trend[usable] = slope / mean + constant
        expected = trend * moments.mean**2
        score[usable] = clipped_variance(log_expr, moments, expected)[usable] / expected[usable]
    return score


def fit_trend(mean: NDArray[np.float64], variation: NDArray[np.float64]) -> tuple[float, float]:
    r"""Fit :math:`CV^2 \approx a_1 / m + a_0` as a gamma regression with identity link, both non-negative.

    Weighted least squares, the weights :math:`1 / \hat y^2` renewed until the fit stands still.

    Parameters
    ----------
    mean
        Means, > 0, (n_genes,).
    variation
        Squared coefficients of variation, > 0, (n_genes,).

    Returns
    -------
    tuple of float
        :math:`a_1` and :math:`a_0`.

    References
    ----------
    Brennecke et al., Nature Methods 2013, doi:10.1038/nmeth.2645.
    """
    terms = np.column_stack([1.0 / mean, np.ones_like(mean)])
    fitted = np.median(variation * mean) / mean
    coefficients = np.zeros(2)
    for _ in range(_ITERATIONS):
        previous = coefficients
        coefficients, _ = nnls(terms / fitted[:, None], variation / fitted)
        fitted = terms @ coefficients
        if np.allclose(coefficients, previous, rtol=_TOLERANCE, atol=0.0):
            break
    return float(coefficients[0]), float(coefficients[1])


def _cv2(moments: GeneMoments) -> NDArray[np.float64]:
    silent = moments.mean == 0
    return np.where(silent, np.nan, moments.variance / np.where(silent, 1.0, moments.mean) ** 2)
