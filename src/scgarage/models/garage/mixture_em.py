"""Maximum likelihood weights of the relative rates of genes, by expectation maximisation."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.models.garage.mixture_grid import GRID, log_pmf, zero_probability

__all__ = ["fit_weights"]

DEPTH_BINS = 4
"""Cells of a stratum without a count are grouped by depth: their likelihood depends on nothing else."""

N_ITERATIONS = 25

_START: NDArray[np.float32] = np.concatenate([[0.1], GRID[1:] / (1.0 + GRID[1:]) ** 3]).astype(np.float32)
_START /= _START.sum()
"""First weights: a broad hump at a relative rate of one. Expectation maximisation takes long to remove weight from high
rates that no cell supports, and until then they take the mean from the others."""


def fit_weights(
    counts: sparse.csc_matrix,
    totals: NDArray[np.float64],
    strata: NDArray[np.int64],
    share: NDArray[np.float64],
    *,
    prior: float,
    tilt: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> NDArray[np.float32]:
    r"""Return the weights of the relative rates, (n_strata, n_genes, n_components).

    First one set of weights for each gene, from all cells, each relative to its own stratum's mean; then one for each
    stratum, with the first as a Dirichlet prior worth ``prior`` cells:

    .. math:: w_{sjk} \leftarrow \frac{\sum_{i \in s} q_{ijk} + \alpha w_{jk}}{n_s + \alpha}, \qquad
       q_{ijk} \propto w_{sjk} P(c_{ij} \mid \rho_k)

    Parameters
    ----------
    counts
        Counts, CSC (n_cells, n_genes).
    totals
        Library sizes, (n_cells,).
    strata
        Number of the stratum of each cell, (n_cells,).
    share
        Mean share of each gene, (n_strata, n_genes).
    prior
        Cells that the pooled weights are worth.
    tilt
        Slopes of the log shares, (n_strata, n_genes), and what they are slopes against, (n_cells,).
    """
    n_strata, n_genes = share.shape
    entries = counts.tocoo()
    order = np.lexsort((entries.col, strata[entries.row]))
    rows, genes = entries.row[order].astype(np.int64), entries.col[order].astype(np.int64)
    values = entries.data[order].astype(np.float64)
    group = strata[rows] * n_genes + genes
    tilt = (np.zeros(share.shape), np.zeros(len(totals))) if tilt is None else tilt
    slopes, x = tilt
    expected_counts = totals[rows] * share[strata[rows], genes] * np.exp(slopes[strata[rows], genes] * x[rows])
    means = expected_counts[:, None] * GRID
    logs = log_pmf(values, means)
    likelihood = np.exp(logs - logs.max(axis=1, keepdims=True)).astype(np.float32)
    zero_counts, zero_likelihood = _zeros(rows, genes, totals, strata, share, tilt)
    sizes = np.bincount(strata, minlength=n_strata).astype(np.float32)[:, None, None]
    starts = np.flatnonzero(np.diff(group, prepend=-1))

    def expected(weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sum the posterior weights of the cells of each stratum and gene."""
        evidence = np.zeros((n_strata * n_genes, len(GRID)), dtype=np.float32)
        if len(group):
            density = np.einsum("ek,ek->e", likelihood, weights.reshape(-1, len(GRID))[group])
            per_entry = likelihood / np.maximum(density, 1e-30)[:, None]
            evidence[group[starts]] = np.add.reduceat(per_entry, starts, axis=0)
        evidence = evidence.reshape(n_strata, n_genes, len(GRID))
        for number, like in zip(zero_counts, zero_likelihood, strict=True):
            density = np.einsum("sgk,sgk->sg", like, weights)
            evidence += like * (number / np.maximum(density, 1e-30))[:, :, None]
        return evidence * weights

    pooled = np.tile(_START, (1, n_genes, 1))
    for _ in range(N_ITERATIONS):
        pooled = expected(np.ascontiguousarray(np.broadcast_to(pooled, (n_strata, n_genes, len(GRID))))).sum(
            axis=0, keepdims=True
        )
        pooled /= len(totals)
    weights = np.repeat(pooled, n_strata, axis=0)
    prior = max(prior, 1e-6)  # strata without cells keep the pooled weights
    for _ in range(N_ITERATIONS):
        weights = (expected(weights) + prior * pooled) / (sizes + prior)
    return weights


def _zeros(
    rows: NDArray[np.int64],
    genes: NDArray[np.int64],
    totals: NDArray[np.float64],
    strata: NDArray[np.int64],
    share: NDArray[np.float64],
    tilt: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return, for each depth bin, the number of cells without a count and their likelihood.

    Returns
    -------
    tuple of numpy.ndarray
        Numbers, (n_bins, n_strata, n_genes), and likelihoods, (n_bins, n_strata, n_genes, n_components).
    """
    n_strata, n_genes = share.shape
    bins = np.empty(len(totals), dtype=np.int64)
    depth, middle = np.ones((DEPTH_BINS, n_strata)), np.zeros((DEPTH_BINS, n_strata))
    slopes, x = tilt
    for stratum in range(n_strata):
        cells = np.flatnonzero(strata == stratum)
        bins[cells] = np.argsort(np.argsort(totals[cells])) * DEPTH_BINS // max(len(cells), 1)
        for number in np.unique(bins[cells]):
            chosen = cells[bins[cells] == number]
            depth[number, stratum], middle[number, stratum] = totals[chosen].mean(), x[chosen].mean()
    cells_in = np.bincount(bins * n_strata + strata, minlength=DEPTH_BINS * n_strata).reshape(DEPTH_BINS, n_strata, 1)
    key = (bins[rows] * n_strata + strata[rows]) * n_genes + genes
    with_counts = np.bincount(key, minlength=DEPTH_BINS * n_strata * n_genes).reshape(DEPTH_BINS, n_strata, n_genes)
    tilted = depth[:, :, None] * share * np.exp(slopes * middle[:, :, None])
    means = tilted.astype(np.float32)[..., None] * GRID.astype(np.float32)
    return (cells_in - with_counts).astype(np.float32), zero_probability(means).astype(np.float32)
