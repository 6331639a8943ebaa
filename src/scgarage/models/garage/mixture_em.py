"""Maximum likelihood weights of the relative rates of genes, by expectation maximisation."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.models.garage.mixture_grid import GRID, log_pmf, zero_probability

__all__ = ["fit_weights"]

DEPTH_BINS = 4
"""Cells of a stratum without a count are grouped by depth: their likelihood depends on nothing else."""

N_ITERATIONS = 25

OBSERVATIONS = 40_000
"""Observations that are worked on together, about: their likelihoods stay in the processor's cache over all iterations
(measured: 2.5 times as fast as a million at a time)."""

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
    tilt = (np.zeros(share.shape), np.zeros(len(totals))) if tilt is None else tilt
    n_strata, n_genes = share.shape
    per_gene = counts.nnz / max(n_genes, 1) + DEPTH_BINS * n_strata
    step = max(1, int(OBSERVATIONS / per_gene))
    weights = np.empty((n_strata, n_genes, len(GRID)), dtype=np.float32)
    for block in (slice(start, start + step) for start in range(0, n_genes, step)):
        these = tilt[0][:, block], tilt[1]
        weights[:, block] = _fit_block(counts[:, block], totals, strata, share[:, block], these, max(prior, 1e-6))
    return weights


def _fit_block(
    counts: sparse.csc_matrix,
    totals: NDArray[np.float64],
    strata: NDArray[np.int64],
    share: NDArray[np.float64],
    tilt: tuple[NDArray[np.float64], NDArray[np.float64]],
    prior: float,
) -> NDArray[np.float32]:
    """Return the weights of some genes; without a prior strata without cells would have none."""
    n_strata, n_genes = share.shape
    likelihood, group, number = _observations(counts, totals, strata, share, tilt)
    sizes = np.bincount(strata, minlength=n_strata).astype(np.float32)[:, None, None]
    # One row for each stratum and gene, one column for each observation: sums over a group are a product of matrices.
    sums = sparse.csr_matrix((number, (group, np.arange(len(group)))), shape=(n_strata * n_genes, len(group)))

    def expected(weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sum the posterior weights of the cells of each stratum and gene."""
        density = np.einsum("ek,ek->e", likelihood, weights.reshape(-1, len(GRID))[group])
        sums.data = (number / np.maximum(density, 1e-30))[sums.indices]
        evidence: NDArray[np.float32] = (sums @ likelihood).reshape(weights.shape)
        return evidence * weights

    pooled = np.tile(_START, (1, n_genes, 1))
    for _ in range(N_ITERATIONS):
        pooled = expected(np.ascontiguousarray(np.broadcast_to(pooled, (n_strata, n_genes, len(GRID))))).sum(
            axis=0, keepdims=True
        )
        pooled /= len(totals)
    weights = np.repeat(pooled, n_strata, axis=0)
    for _ in range(N_ITERATIONS):
        weights = (expected(weights) + prior * pooled) / (sizes + prior)
    return weights


def _observations(
    counts: sparse.csc_matrix,
    totals: NDArray[np.float64],
    strata: NDArray[np.int64],
    share: NDArray[np.float64],
    tilt: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Return what was seen: every count, and for each stratum and gene the cells without one, in groups of like depth.

    Returns
    -------
    tuple of numpy.ndarray
        Likelihoods up to a factor, (n_observations, n_components); stratum and gene as one number, and how many cells
        there are of each observation, both (n_observations,).
    """
    n_genes = share.shape[1]
    entries = counts.tocoo()
    rows, genes = entries.row.astype(np.int64), entries.col.astype(np.int64)
    slopes, x = tilt
    expected = totals[rows] * share[strata[rows], genes] * np.exp(slopes[strata[rows], genes] * x[rows])
    logs = log_pmf(entries.data.astype(np.float64), expected[:, None] * GRID)
    likelihood = np.exp(logs - logs.max(axis=1, keepdims=True)).astype(np.float32)
    n_zeros, zero_likelihood = _zeros(rows, genes, totals, strata, share, tilt)
    some = np.flatnonzero(n_zeros)
    return (
        np.concatenate([likelihood, zero_likelihood.reshape(-1, len(GRID))[some]]),
        np.concatenate([strata[rows] * n_genes + genes, some % share.size]),
        np.concatenate([np.ones(len(rows), dtype=np.float32), n_zeros.ravel()[some]]),
    )


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
