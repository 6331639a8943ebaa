"""A mixture of Poisson rates on a fixed grid, fitted by expectation maximisation."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

Rows: TypeAlias = NDArray[np.float64]
"""One row for each entry, one column for each component, (n_entries, n_components)."""

GRID: NDArray[np.float64] = np.concatenate([[0.0], np.geomspace(0.05, 10.0, 16), np.geomspace(16.0, 1000.0, 8)])
"""Relative rates: a component's mean count is its rate times the expected count of the gene in the cell."""

SHAPE = 35.0
r"""Shape of each component's negative binomial. Neighbouring rates differ by a factor of 1.4; with a coefficient of
variation of :math:`1 / \sqrt{35} = 0.17` neighbours overlap, so that deep counts do not pile up on the grid."""

LIMIT = 64
"""Counts up to which probabilities are summed one by one; beyond, Poisson noise is small beside the components' own."""


def log_pmf(counts: NDArray[np.float64], means: Rows) -> Rows:
    r"""Return the log probability of counts under components of given means, (n_entries, n_components).

    .. math:: \log \binom{c + a - 1}{c} + a \log \frac{a}{a + m} + c \log \frac{m}{a + m}
    """
    c = counts[:, None]
    constant = special.gammaln(c + SHAPE) - special.gammaln(SHAPE) - special.gammaln(c + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        powers = np.where(c > 0, c * (np.log(means) - np.log(SHAPE + means)), 0.0)
    return constant - SHAPE * np.log1p(means / SHAPE) + powers


def zero_probability(means: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the probability of no count under components of given means, any shape."""
    result: NDArray[np.floating] = np.exp(-SHAPE * np.log1p(means / SHAPE))
    return result


def climb(
    weights: Rows, means: Rows, *, target: NDArray[np.float64] | None = None, upto: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Sum a mixture's probabilities from zero upwards until they reach ``target`` or the count ``upto``."""
    terms = weights * zero_probability(means)
    ratio = means / (SHAPE + means)
    cdf = terms.sum(axis=1)
    count, below = np.zeros(len(cdf)), np.zeros(len(cdf))
    active = np.flatnonzero(cdf < target) if target is not None else np.flatnonzero(np.asarray(upto) > 0)
    terms, ratio = terms[active], ratio[active]
    for k in range(1, LIMIT + 1):
        if not len(active):
            break
        terms *= ratio * ((SHAPE + k - 1) / k)
        below[active] = cdf[active]
        cdf[active] += terms.sum(axis=1)
        count[active] = k
        more = cdf[active] < target[active] if target is not None else np.asarray(upto)[active] > k
        active, terms, ratio = active[more], terms[more], ratio[more]
    return count, cdf, below


_POINTS: NDArray[np.float64] = np.geomspace(1e-3, 4000.0, 160)
_TABLE: NDArray[np.float64] = np.vstack(
    [np.ones(len(_POINTS)), special.gammainc(SHAPE, SHAPE * _POINTS[None, :] / GRID[1:, None])]
)


def relative_cdf() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points on the axis of relative rates and each component's cumulative distribution there."""
    return _POINTS, _TABLE


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
    """Return what was seen: every count, and by stratum and gene the cells without one, in groups of like depth."""
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
    """Return, for each depth bin, the number of cells without a count and their likelihood."""
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
