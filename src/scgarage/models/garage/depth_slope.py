"""How a gene's share of the counts changes with how deep a cell was sequenced."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.models.garage.depth import Depth

__all__ = ["fit_slopes"]

SLOPES: NDArray[np.float64] = np.linspace(-1.5, 1.5, 61)
"""Slopes that are tabulated; none lies outside."""

PRIOR_VARIANCE = 0.1
"""Variance of the slopes' prior about zero."""

Table: TypeAlias = NDArray[np.float64]


def fit_slopes(
    counts: sparse.csc_matrix, totals: NDArray[np.float64], codes: NDArray[np.int64], depth: Depth
) -> tuple[Table, Table]:
    r"""Return slopes, and the counts that cells could have given had the share been one, both (n_strata, n_genes).

    .. math:: E[c_{ij}] = L_i \, m_{sj} \, e^{\beta_{sj} x_i}, \qquad
       \frac{\sum_i c_{ij} x_i}{\sum_i c_{ij}} = \frac{\sum_i L_i e^{\beta x_i} x_i}{\sum_i L_i e^{\beta x_i}}

    with the standardised log library size :math:`x`. The second equation is the likelihood equation of a Poisson
    regression. Its right side is the same function of the slope for all genes of a stratum, so it is tabulated once and
    read backwards. Slopes are drawn to zero by a normal prior; the evidence is the number of cells with a count, not of
    counts, which vary more than a Poisson distribution says.

    Shares that do not change with depth are the exception: clusters often hold states, or kinds of damage, that differ
    in how many counts a cell gives.

    Parameters
    ----------
    counts
        Counts, CSC (n_cells, n_genes).
    totals
        Library sizes, (n_cells,).
    codes
        Stratum of each cell, (n_cells,).
    depth
        Standardises the library sizes.
    """
    x = depth.standardise(totals, codes)[:, 0].astype(np.float64)
    shape = len(depth.centre), counts.shape[1]
    slopes, exposure = np.zeros(shape), np.ones(shape)
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        here = sparse.csr_matrix(counts[rows])
        weights = totals[rows, None] * np.exp(x[rows, None] * SLOPES)
        sums = weights.sum(axis=0)
        tilted = (weights * x[rows, None]).sum(axis=0) / sums
        spread = (weights * x[rows, None] ** 2).sum(axis=0) / sums - tilted**2
        total = np.asarray(here.sum(axis=0)).ravel()
        evidence = np.asarray((here > 0).sum(axis=0)).ravel() * np.interp(0.0, SLOPES, spread)
        if np.interp(0.0, SLOPES, spread) > 1e-6:
            found = np.interp((here.T @ x[rows]) / np.maximum(total, 1e-12), tilted, SLOPES)
            slopes[code] = np.where(total > 0, found * evidence / (evidence + 1 / PRIOR_VARIANCE), 0.0)
        exposure[code] = np.interp(slopes[code], SLOPES, sums)
    return slopes, exposure
