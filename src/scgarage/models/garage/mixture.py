"""A mixture of Poisson rates on a fixed grid, fitted by expectation maximisation; compiled."""

from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from scgarage.models.garage.compiled import compiled, in_parallel, pieces

Rows: TypeAlias = NDArray[np.floating]
"""One row for each entry, one column for each component, (n_entries, n_components)."""

GRID: NDArray[np.float64] = np.concatenate([[0.0], np.geomspace(0.05, 10.0, 16), np.geomspace(16.0, 1000.0, 8)])
"""Relative rates: a component's mean count is its rate times the expected count of the gene in the cell."""

N_RATES = len(GRID)

SHAPE = 35.0
r"""Shape of each component's negative binomial. Neighbouring rates differ by a factor of 1.4; with a coefficient of
variation of :math:`1 / \sqrt{35} = 0.17` neighbours overlap, so that deep counts do not pile up on the grid."""

LIMIT = 64
"""Counts up to which probabilities are summed one by one; beyond, Poisson noise is small beside the components' own."""


@compiled
def no_count(mean: float) -> float:
    r"""Return the probability :math:`(1 + m / a)^{-a}` of no count under a component of mean :math:`m`, by squaring."""
    t = 1.0 / (1.0 + mean / 35.0)
    t2 = t * t
    t4 = t2 * t2
    t16 = t4 * t4 * t4 * t4
    return t16 * t16 * t2 * t


@compiled
def zero_probability(weights: NDArray[np.float32], expected: float) -> float:
    """Return the probability of no count under a mixture, for an expected count of relative rate one."""
    total = 0.0
    for k in range(N_RATES):
        total += weights[k] * no_count(expected * GRID[k])
    return total


@compiled
def _first(weights: NDArray[np.float32], expected: float, terms: Rows, ratio: Rows) -> float:
    """Fill in each component's probability of no count and how it shrinks with counts; return the sum."""
    total = 0.0
    for k in range(N_RATES):
        mean = expected * GRID[k]
        terms[k] = weights[k] * no_count(mean)
        ratio[k] = mean / (SHAPE + mean)
        total += terms[k]
    return total


@compiled
def _next(count: int, terms: Rows, ratio: Rows) -> float:
    """Move each component's probability from ``count`` - 1 to ``count``; return the sum."""
    step, total = (SHAPE + count - 1) / count, 0.0
    for k in range(N_RATES):
        terms[k] *= ratio[k] * step
        total += terms[k]
    return total


POINTS: NDArray[np.float64] = np.geomspace(1e-3, 4000.0, 160)
"""Relative rates at which the components' distributions are tabulated, for counts beyond :data:`LIMIT`."""

TABLE: NDArray[np.float64] = np.ascontiguousarray(
    np.vstack([np.ones(len(POINTS)), special.gammainc(SHAPE, SHAPE * POINTS[None, :] / GRID[1:, None])]).T
)
"""Each component's cumulative distribution at :data:`POINTS`, (n_points, n_components)."""


@compiled
def _smooth_cdf(weights: NDArray[np.float32], point: int) -> float:
    total = 0.0
    for k in range(N_RATES):
        total += weights[k] * TABLE[point, k]
    return total


@compiled
def _smooth_level(weights: NDArray[np.float32], relative: float) -> float:
    """Return a mixture's cumulative probability at a relative rate."""
    at: int = min(max(int(np.searchsorted(POINTS, relative)), 1), len(POINTS) - 1)
    part = min(max((relative - POINTS[at - 1]) / (POINTS[at] - POINTS[at - 1]), 0.0), 1.0)
    left = _smooth_cdf(weights, at - 1)
    level: float = left + part * (_smooth_cdf(weights, at) - left)
    return level


@compiled
def _smooth_quantile(weights: NDArray[np.float32], level: float) -> float:
    """Return the relative rate at which a mixture reaches a cumulative probability."""
    low, high = 0, len(POINTS) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if _smooth_cdf(weights, middle) < level:
            low = middle
        else:
            high = middle
    left, right = _smooth_cdf(weights, low), _smooth_cdf(weights, high)
    part = min(max((level - left) / max(right - left, 1e-12), 0.0), 1.0)
    rate: float = POINTS[low] + part * (POINTS[high] - POINTS[low])
    return rate


@compiled
def levels_of_counts(
    counts: NDArray[np.float64],
    expected: NDArray[np.float64],
    weights: NDArray[np.float32],
    which: NDArray[np.int64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> None:
    """Fill in the probabilities below and at counts; ``which`` says each entry's row of ``weights``."""
    terms, ratio = np.empty(N_RATES), np.empty(N_RATES)
    for i in range(len(counts)):
        w = weights[which[i]]
        if counts[i] > LIMIT:
            low[i] = _smooth_level(w, (counts[i] - 0.5) / expected[i])
            high[i] = _smooth_level(w, (counts[i] + 0.5) / expected[i])
            continue
        cdf, below = _first(w, expected[i], terms, ratio), 0.0
        for c in range(1, int(counts[i]) + 1):
            below = cdf
            cdf += _next(c, terms, ratio)
        low[i], high[i] = below, cdf


@compiled
def counts_at_levels(
    levels: NDArray[np.float64],
    expected: NDArray[np.float64],
    weights: NDArray[np.float32],
    which: NDArray[np.int64],
    counts: NDArray[np.float64],
) -> None:
    """Fill in the counts at cumulative probabilities; ``which`` says each entry's row of ``weights``."""
    terms, ratio = np.empty(N_RATES), np.empty(N_RATES)
    for i in range(len(levels)):
        w = weights[which[i]]
        cdf, c = _first(w, expected[i], terms, ratio), 0
        while cdf < levels[i] and c < LIMIT:
            c += 1
            cdf += _next(c, terms, ratio)
        counts[i] = c
        if cdf < levels[i]:
            counts[i] = max(np.rint(_smooth_quantile(w, levels[i]) * expected[i]), LIMIT)


DEPTH_BINS = 4
"""Cells of a stratum without a count are grouped by depth: their likelihood depends on nothing else."""

N_ITERATIONS = 25

STILL = 1e-3
"""Change of the weights in one iteration below which no more are done."""

START: NDArray[np.float32] = np.concatenate([[0.1], GRID[1:] / (1.0 + GRID[1:]) ** 3]).astype(np.float32)
START /= START.sum()
"""First weights: a broad hump at a relative rate of one. Expectation maximisation takes long to remove weight from high
rates that no cell supports, and until then they take the mean from the others."""

GENES = 64
"""Genes that one thread works on at a time."""


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

    ``tilt`` holds the slope of each stratum and gene, and the standardised log library size of each cell, (n_cells,).
    """
    slopes, x = (np.zeros(share.shape), np.zeros(len(totals))) if tilt is None else tilt
    n_strata, n_genes = share.shape
    # Sorted by stratum, the observations of one stratum lie together.
    order = np.argsort(strata, kind="stable")
    cells = counts[order].tocsc().sorted_indices()
    bins, groups = _depth_groups(totals[order], strata[order], x[order], n_strata)
    fit = partial(
        _fit_genes,
        cells.data.astype(np.float32), cells.indices, cells.indptr, totals[order], strata[order], x[order], bins,
        *groups, share, slopes, max(prior, 1e-6),
    )  # fmt: skip
    weights = np.empty((n_strata, n_genes, N_RATES), dtype=np.float32)
    in_parallel(lambda part: fit(part.start, part.stop, weights), pieces(n_genes, 1, GENES))
    return weights


def _depth_groups(
    totals: NDArray[np.float64], strata: NDArray[np.int64], x: NDArray[np.float64], n_strata: int
) -> tuple[NDArray[np.int64], tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]]:
    """Return each cell's depth bin in its stratum, and the bins' mean library size, mean ``x`` and number of cells."""
    bins = np.empty(len(totals), dtype=np.int64)
    shape = n_strata * DEPTH_BINS
    for stratum in range(n_strata):
        cells = np.flatnonzero(strata == stratum)
        bins[cells] = np.argsort(np.argsort(totals[cells])) * DEPTH_BINS // max(len(cells), 1)
    key = strata * DEPTH_BINS + bins
    number = np.bincount(key, minlength=shape)
    mean, middle = (np.bincount(key, weights=v, minlength=shape) / np.maximum(number, 1) for v in (totals, x))
    return bins, (mean.reshape(n_strata, -1), middle.reshape(n_strata, -1), number.reshape(n_strata, -1))


@compiled
def _likelihood(count: int, expected: float, likelihood: NDArray[np.float32]) -> None:
    """Fill in the likelihood of a count above zero under each component, up to a factor; without a rate it is 0."""
    values = np.empty(N_RATES)
    largest = 0.0
    if count <= LIMIT:
        for k in range(N_RATES):
            mean = expected * GRID[k]
            values[k] = no_count(mean) * (mean / (SHAPE + mean)) ** count
        largest = values.max()
    if largest < 1e-290:  # of deep counts only the logarithm can be held
        values[0] = -np.inf
        for k in range(1, N_RATES):
            mean = expected * GRID[k]
            values[k] = count * np.log(mean / (SHAPE + mean)) - SHAPE * np.log1p(mean / SHAPE)
        values = np.exp(values - values.max())
        largest = 1.0
    for k in range(N_RATES):
        likelihood[k] = values[k] / largest


@compiled
def _fit_genes(
    data: NDArray[np.float32],
    indices: NDArray[np.int32],
    indptr: NDArray[np.int32],
    totals: NDArray[np.float64],
    strata: NDArray[np.int64],
    x: NDArray[np.float64],
    bins: NDArray[np.int64],
    mean: NDArray[np.float64],
    middle: NDArray[np.float64],
    sizes: NDArray[np.int64],
    share: NDArray[np.float64],
    slopes: NDArray[np.float64],
    prior: float,
    first: int,
    last: int,
    weights: NDArray[np.float32],
) -> None:
    """Fill in the weights of genes ``first`` to ``last``; cells come sorted by stratum."""
    n_strata = share.shape[0]
    most = 0
    for gene in range(first, last):
        most = max(most, indptr[gene + 1] - indptr[gene])
    n_rows = most + n_strata * DEPTH_BINS
    likelihood = np.empty((N_RATES, n_rows), dtype=np.float32)
    number, density = np.empty(n_rows, dtype=np.float32), np.empty(n_rows, dtype=np.float32)
    starts = np.empty(n_strata + 1, dtype=np.int64)
    cells_in = sizes.sum(axis=1)
    for gene in range(first, last):
        row, entry = 0, indptr[gene]
        for stratum in range(n_strata):
            starts[stratum] = row
            left = sizes[stratum].copy()
            while entry < indptr[gene + 1] and strata[indices[entry]] == stratum:
                cell = indices[entry]
                left[bins[cell]] -= 1
                expected = totals[cell] * share[stratum, gene] * np.exp(slopes[stratum, gene] * x[cell])
                _likelihood(int(data[entry]), expected, likelihood[:, row])
                number[row] = 1.0
                row += 1
                entry += 1
            for depth in range(DEPTH_BINS):
                if left[depth] > 0:
                    tilted = np.exp(slopes[stratum, gene] * middle[stratum, depth])
                    for k in range(N_RATES):
                        likelihood[k, row] = no_count(mean[stratum, depth] * share[stratum, gene] * tilted * GRID[k])
                    number[row] = left[depth]
                    row += 1
        starts[n_strata] = row
        _climb(likelihood, number, density, starts, cells_in, prior, weights[:, gene])


@compiled
def _collect(
    likelihood: NDArray[np.float32],
    number: NDArray[np.float32],
    density: NDArray[np.float32],
    start: int,
    stop: int,
    weights: NDArray[np.float32],
    evidence: NDArray[np.float32],
) -> None:
    """Add up the posterior weights of some observations, divided by the weights."""
    density[start:stop] = 1e-30
    for k in range(N_RATES):
        weight = weights[k]
        for row in range(start, stop):
            density[row] += weight * likelihood[k, row]
    for row in range(start, stop):
        density[row] = number[row] / density[row]
    for k in range(N_RATES):
        total = np.float32(0.0)
        for row in range(start, stop):
            total += density[row] * likelihood[k, row]
        evidence[k] = total


@compiled
def _climb(
    likelihood: NDArray[np.float32],
    number: NDArray[np.float32],
    density: NDArray[np.float32],
    starts: NDArray[np.int64],
    cells_in: NDArray[np.int64],
    prior: float,
    weights: NDArray[np.float32],
) -> None:
    """Fill in the weights of one gene by expectation maximisation: all strata together, then each."""
    pooled, evidence = START.copy(), np.empty(N_RATES, dtype=np.float32)
    n_strata = len(cells_in)
    for _ in range(N_ITERATIONS):
        _collect(likelihood, number, density, 0, starts[n_strata], pooled, evidence)
        pooled = evidence * pooled / np.float32(cells_in.sum())
    for stratum in range(n_strata):
        own = pooled.copy()
        for _ in range(N_ITERATIONS):
            _collect(likelihood, number, density, starts[stratum], starts[stratum + 1], own, evidence)
            change = np.float32(0.0)
            for k in range(N_RATES):
                new = (evidence[k] * own[k] + np.float32(prior) * pooled[k]) / np.float32(cells_in[stratum] + prior)
                change = max(change, abs(new - own[k]))
                own[k] = new
            if change < STILL:
                break
        weights[stratum] = own
