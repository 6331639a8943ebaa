"""Gene selection by the Fano factor."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.structure.moments import GeneMoments, clipped_variance

__all__ = ["fano", "fano_score"]


def fano(log_expr: sparse.csr_matrix | NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    r"""Return the Fano factor of every gene, on CP10k values.

    .. math:: F_j = v_j / m_j

    Parameters
    ----------
    log_expr
        log1p CP10k, (n_cells, n_genes); mean :math:`m` and variance :math:`v` are those of CP10k.

    Returns
    -------
    numpy.ndarray
        float64, (n_genes,), CP10k; NaN for genes without expression.

    Raises
    ------
    InputError
        If there are fewer than two cells.

    References
    ----------
    Fano, Physical Review 1947, doi:10.1103/PhysRev.72.26.

    Examples
    --------
    >>> fano(np.log1p(np.array([[1.0, 0.0], [3.0, 0.0]]))).round(3).tolist()
    [1.0, nan]
    """
    return _fano(GeneMoments.of(log_expr))


def fano_score(log_expr: sparse.csr_matrix | NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    r"""Score genes by their Fano factor, the values of single cells bounded.

    .. math:: s_j = v'_j / m_j

    Poisson counts give the same Fano factor at every mean, so the score needs no trend. The bounded variance
    :math:`v'` (:func:`clipped_variance`) expects the median Fano factor of all genes. (The published code
    selects the genes of *lowest* Fano factor; :func:`scgarage.structure.legacy_structure` does too.)

    Parameters
    ----------
    log_expr
        log1p CP10k, (n_cells, n_genes).

    Returns
    -------
    numpy.ndarray
        float64, (n_genes,), CP10k; minus infinity for genes without expression.

    Raises
    ------
    InputError
        If there are fewer than two cells.
    """
    moments = GeneMoments.of(log_expr)
    factors = _fano(moments)
    expressed = moments.mean > 0
    score = np.full(len(factors), -np.inf)
    if expressed.any():
        expected = np.median(factors[expressed]) * moments.mean
        score[expressed] = clipped_variance(log_expr, moments, expected)[expressed] / moments.mean[expressed]
    return score


def _fano(moments: GeneMoments) -> NDArray[np.float64]:
    silent = moments.mean == 0
    return np.where(silent, np.nan, moments.variance / np.where(silent, 1.0, moments.mean))
