"""Mean and variance of every gene on the CP10k scale."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError

__all__ = ["GeneMoments", "clipped_variance"]


@dataclass(frozen=True)
class GeneMoments:
    """Moments of CP10k values, zeros included.

    Attributes
    ----------
    mean
        Mean of each gene, float64, (n_genes,).
    variance
        Variance of each gene, divisor n_cells - 1, float64, (n_genes,).
    n_detected
        Cells with expression of each gene, (n_genes,).
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    n_detected: NDArray[np.intp]

    @classmethod
    def of(cls, log_expr: sparse.csr_matrix | NDArray[np.floating[Any]]) -> Self:
        r"""Measure genes.

        .. math:: m_j = \frac1n \sum_i y_{ij}, \quad v_j = \frac{1}{n - 1} \sum_i (y_{ij} - m_j)^2,
                  \quad y_{ij} = e^{x_{ij}} - 1

        Parameters
        ----------
        log_expr
            log1p CP10k :math:`x`, (n_cells, n_genes); sparse values stay sparse.

        Raises
        ------
        InputError
            If there are fewer than two cells.
        """
        n_cells, n_genes = log_expr.shape
        if n_cells < 2:
            msg = f"the variance of a gene needs at least 2 cells; found {n_cells}"
            raise InputError(msg)
        values = _cp10k(log_expr)
        genes = values.indices
        n_detected = np.bincount(genes, minlength=n_genes)
        mean = np.bincount(genes, values.data, minlength=n_genes) / n_cells
        return cls(mean, _variance(values, mean, n_detected), n_detected)


def clipped_variance(
    log_expr: sparse.csr_matrix | NDArray[np.floating[Any]], moments: GeneMoments, expected: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""Return variances in which no single cell decides.

    .. math:: v_j = \frac{1}{n - 1} \sum_i (\min(y_{ij}, m_j + \sqrt{n e_j}) - m_j)^2

    One cell adds at most about the expected variance :math:`e_j`. Without the bound, genes with dozens of
    counts in one cell and hardly any in the others come first.

    Parameters
    ----------
    log_expr
        log1p CP10k, (n_cells, n_genes).
    moments
        Their moments.
    expected
        Variance expected at the mean of each gene, CP10k squared, (n_genes,).

    Returns
    -------
    numpy.ndarray
        float64, (n_genes,).

    References
    ----------
    Stuart et al., Cell 2019, doi:10.1016/j.cell.2019.05.031 (the same bound on standardised values).
    """
    values = _cp10k(log_expr)
    limit = moments.mean + np.sqrt(log_expr.shape[0] * expected)
    values.data = np.minimum(values.data, limit[values.indices])
    return _variance(values, moments.mean, moments.n_detected)


def _cp10k(log_expr: sparse.csr_matrix | NDArray[np.floating[Any]]) -> sparse.csr_matrix:
    values = sparse.csr_matrix(log_expr, dtype=np.float64).expm1()
    values.sum_duplicates()
    values.eliminate_zeros()
    return values


def _variance(
    values: sparse.csr_matrix, mean: NDArray[np.float64], n_detected: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return mean squared deviations from ``mean``, divisor n - 1."""
    n_cells, n_genes = values.shape
    genes = values.indices
    # Deviations rather than squares: the difference of two large sums loses the variance of steady genes.
    squares = np.bincount(genes, (values.data - mean[genes]) ** 2, minlength=n_genes)
    return np.asarray((squares + (n_cells - n_detected) * mean**2) / (n_cells - 1), dtype=np.float64)
