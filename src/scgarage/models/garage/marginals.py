"""Free distributions of rates for every gene and stratum."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.models.garage.mixture import GRID, LIMIT, Rows, climb, fit_weights, relative_cdf, zero_probability
from scgarage.models.garage.strata import Depth, fit_slopes

Genes: TypeAlias = slice | NDArray[np.int64]
"""Which genes."""

BLOCK = 400_000
"""Numbers in a temporary array at most, about: they stay in the processor's cache (measured: twice as fast as
4,000,000)."""

KNOTS = 17
"""Library sizes at which zero probabilities are tabulated."""


@dataclass(frozen=True)
class PoissonMixture:
    r"""Counts with a free distribution of rates.

    .. math:: c_{ij} \mid \rho \sim \mathrm{NB}(L_i \, m_{s(i) j} \, e^{\beta_{s(i) j} x_i} \rho, a), \qquad
       P(\rho = \rho_k) = w_{sjk}

    with library size :math:`L`, stratum :math:`s`, share :math:`m`, its change :math:`\beta` with the standardised log
    library size :math:`x`, and a fixed large shape :math:`a`. The weights
    are found by maximum likelihood (a nonparametric mixture, Kiefer and Wolfowitz 1956), drawn to those of the gene in
    all strata where a stratum has few cells. A negative binomial is the special case of a Gamma distribution of
    :math:`\rho`; a free one also holds zero inflation and the few cells of a type with far more counts than the others,
    for which a negative binomial gives every cell too heavy a tail.

    References
    ----------
    Kiefer and Wolfowitz, Consistency of the maximum likelihood estimator in the presence of infinitely many incidental
    parameters, 1956, doi:10.1214/aoms/1177728066.
    Wang et al., Gene expression distribution deconvolution in single-cell RNA sequencing, 2018,
    doi:10.1073/pnas.1721085115.
    """

    share: NDArray[np.float32]  # mean share of a cell's counts that fall on each gene, (n_strata, n_genes)
    slope: NDArray[np.float32]  # change of the log share with the standardised log library size, (n_strata, n_genes)
    centre: NDArray[np.float64]  # mean and standard deviation of the log library sizes, (n_strata,)
    spread: NDArray[np.float64]
    # weights of the relative rates :data:~scgarage.models.garage.mixture.GRID, (n_strata, n_genes, n_components)
    weights: NDArray[np.float32]
    knots: NDArray[np.float64]  # log library sizes of the table, (n_knots,)
    highest: NDArray[np.float32]  # highest count of each gene that is ever drawn, (n_genes,): twice what was seen

    @classmethod
    def fit(
        cls,
        counts: sparse.csc_matrix,
        totals: NDArray[np.float64],
        strata: NDArray[np.int64],
        *,
        depth: Depth,
        prior_share: NDArray[np.float64],
        mean_prior: float,
        weight_prior: float,
    ) -> Self:
        """Estimate from training cells."""
        n_strata = len(prior_share)
        sizes = np.bincount(strata, minlength=n_strata)
        slope, exposure = fit_slopes(counts, totals, strata, depth)
        members = sparse.csr_matrix(
            (np.ones(len(strata)), (strata, np.arange(len(strata)))), shape=(n_strata, len(strata))
        )
        sums = np.asarray((members @ counts).todense(), dtype=np.float64)
        seen = sizes > 0
        extra = np.where(seen[:, None], mean_prior * exposure / np.maximum(sizes, 1)[:, None], 1.0)
        share = (sums + prior_share * extra) / (np.where(seen[:, None], exposure, 0.0) + extra)
        x = depth.standardise(totals, strata)[:, 0].astype(np.float64)
        weights = fit_weights(counts, totals, strata, share, tilt=(slope, x), prior=weight_prior)
        # The prior moves the means a little; they are what users look at first.
        share /= np.maximum((weights.astype(np.float64) * GRID).sum(axis=2), 1e-3)
        logs = np.log(totals)
        knots = np.linspace(logs.min() - 0.3, logs.max() + 0.3, KNOTS)
        highest = np.ceil(2.0 * counts.max(axis=0).toarray().ravel())
        f32 = np.float32
        return cls(
            share.astype(f32), slope.astype(f32), depth.centre, depth.spread, weights, knots, highest.astype(f32)
        )

    def zero_level(self, totals: NDArray[np.float64], strata: NDArray[np.int64], genes: Genes) -> NDArray[np.float32]:
        r"""Return the probability of no count, (n_cells, n_genes chosen).

        :math:`\log(-\log P_0)` of a single rate is nearly linear in the log library size, so that of a mixture is
        smooth and is interpolated between a few knots.
        """
        position = np.clip((np.log(totals) - self.knots[0]) / (self.knots[1] - self.knots[0]), 0, KNOTS - 1 - 1e-9)
        left = position.astype(np.int64)
        part = (position - left).astype(np.float32)[:, None]
        table = self._zero_table(genes)
        level = table[strata, left] * (1 - part) + table[strata, left + 1] * part
        result: NDArray[np.float32] = np.exp(-np.exp(level))
        return result

    def intervals(
        self,
        counts: NDArray[np.float64],
        totals: NDArray[np.float64],
        strata: NDArray[np.int64],
        genes: NDArray[np.int64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the cumulative probabilities below and at single counts; all arguments (n_entries,)."""
        low, high = np.empty(len(counts)), np.empty(len(counts))
        for part in _blocks(len(counts), len(GRID)):
            weights, means = self._components(totals[part], strata[part], genes[part])
            reached, cdf, below = climb(weights, means, upto=counts[part])
            low[part], high[part] = below, cdf
            deep = np.flatnonzero(counts[part] > reached)
            expected = (means[deep, 1] / GRID[1])[:, None]
            c = counts[part][deep][:, None]
            low[part][deep] = _interpolate(weights[deep], (c - 0.5) / expected)
            high[part][deep] = _interpolate(weights[deep], (c + 0.5) / expected)
        return low, high

    def quantiles(
        self,
        levels: NDArray[np.float64],
        totals: NDArray[np.float64],
        strata: NDArray[np.int64],
        genes: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return the counts with given cumulative probabilities; all arguments (n_entries,)."""
        result = np.empty(len(levels))
        for part in _blocks(len(levels), len(GRID)):
            weights, means = self._components(totals[part], strata[part], genes[part])
            count, cdf, _ = climb(weights, means, target=levels[part])
            deep = np.flatnonzero((count == LIMIT) & (cdf < levels[part]))
            relative = _invert(weights[deep], levels[part][deep])
            count[deep] = np.maximum(np.rint(relative * means[deep, 1] / GRID[1]), LIMIT)
            result[part] = np.minimum(count, self.highest[genes[part]])
        return result

    @property
    def depth(self) -> Depth:
        """What standardises the library sizes."""
        return Depth(self.centre, self.spread, np.ones_like(self.centre), np.zeros_like(self.centre))

    def _components(
        self, totals: NDArray[np.float64], strata: NDArray[np.int64], genes: NDArray[np.int64]
    ) -> tuple[Rows, Rows]:
        x = self.depth.standardise(totals, strata)[:, 0]
        expected = totals * self.share[strata, genes] * np.exp(self.slope[strata, genes] * x)
        return self.weights[strata, genes].astype(np.float64), expected[:, None] * GRID

    def _zero_table(self, genes: Genes) -> NDArray[np.float32]:
        """Return log(-log P0) at the knots, (n_strata, n_knots, n_genes)."""
        share, slope, weights = self.share[:, genes], self.slope[:, genes], self.weights[:, genes]
        every, depth = np.arange(len(share)), self.depth
        table = np.empty((len(share), KNOTS, share.shape[1]), dtype=np.float32)
        for number, total in enumerate(np.exp(self.knots)):
            tilted = total * share * np.exp(slope * depth.standardise(np.full(len(every), total), every))
            means = tilted.astype(np.float32)[:, :, None] * GRID.astype(np.float32)
            zero = np.einsum("sgk,sgk->sg", weights, zero_probability(means))
            table[:, number] = np.log(-np.log(np.clip(zero, 1e-30, 1 - 1e-7)))
        return table


def _blocks(n: int, width: int) -> Iterator[slice]:
    """Cut ``n`` rows of ``width`` numbers into pieces of about :data:`BLOCK` numbers."""
    step = max(1, BLOCK // max(width, 1))
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


def _interpolate(weights: Rows, relative: Rows) -> NDArray[np.float64]:
    """Return mixtures' cumulative probabilities at relative rates (n_entries, 1)."""
    points, table = relative_cdf()
    at = np.clip(np.searchsorted(points, relative[:, 0]), 1, len(points) - 1)
    part = np.clip((relative[:, 0] - points[at - 1]) / (points[at] - points[at - 1]), 0.0, 1.0)
    left, right = ((weights * table.T[index]).sum(axis=1) for index in (at - 1, at))
    result: NDArray[np.float64] = left + part * (right - left)
    return result


def _invert(weights: Rows, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the relative rates at which mixtures reach cumulative probabilities."""
    points, table = relative_cdf()
    cdf = weights @ table
    at = np.clip((cdf < levels[:, None]).sum(axis=1), 1, len(points) - 1)
    rows = np.arange(len(levels))
    low, high = cdf[rows, at - 1], cdf[rows, at]
    part = np.clip((levels - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    result: NDArray[np.float64] = points[at - 1] + part * (points[at] - points[at - 1])
    return result


LEVELS: NDArray[np.float64] = np.concatenate([np.linspace(0.0, 0.9375, 16), [0.97, 0.985, 0.995, 1.0]])
"""Levels at which the quantiles of the values above zero are kept: closer above, where a straight line from the 94 %
quantile to the largest value would make the tail too heavy."""

EDGE = 1 / 32
"""Share of the values that the smallest and the largest one stand for."""


@dataclass(frozen=True)
class Hurdle:
    """Zero with the stratum's zero fraction, else the quantiles of the values seen."""

    zero: NDArray[np.float32]  # probability of zero, (n_strata, n_genes)
    values: NDArray[np.float32]  # quantiles of the values above zero at :data:LEVELS, (n_strata, n_genes, n_levels)

    @classmethod
    def fit(
        cls,
        log_expr: sparse.csc_matrix,
        totals: NDArray[np.float64],
        strata: NDArray[np.int64],
        *,
        depth: Depth | None = None,
        prior_share: NDArray[np.float64],
        mean_prior: float,
        weight_prior: float,
    ) -> Self:
        """Estimate from log-normalised values, CSC (n_cells, n_genes), and stratum numbers, (n_cells,)."""
        del totals, depth
        n_strata = len(prior_share)
        # A trace, so that strata without cells and genes without values are what the others are.
        mean_prior, weight_prior = max(mean_prior, 1e-9), max(weight_prior, 1e-9)
        pooled_zero, pooled = _table(log_expr, np.zeros(len(strata), dtype=np.int64), 1)
        zeros, own = _table(log_expr, strata, n_strata)
        sizes = np.bincount(strata, minlength=n_strata)[:, None]
        above = sizes - zeros
        zero = (zeros + mean_prior * pooled_zero / len(strata)) / (sizes + mean_prior)
        weight = (above / (above + weight_prior))[:, :, None]
        values = np.where(above[:, :, None] > 0, weight * own + (1 - weight) * pooled, pooled)
        return cls(np.clip(zero, 0, 1).astype(np.float32), values.astype(np.float32))

    def zero_level(self, totals: NDArray[np.float64], strata: NDArray[np.int64], genes: Genes) -> NDArray[np.float32]:
        """Return the probability of zero, (n_cells, n_genes chosen)."""
        del totals
        level: NDArray[np.float32] = self.zero[:, genes][strata]
        return level

    def intervals(
        self,
        values: NDArray[np.float64],
        totals: NDArray[np.float64],
        strata: NDArray[np.int64],
        genes: NDArray[np.int64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the cumulative probabilities of single values above zero."""
        del totals
        quantiles = self.values[strata, genes].astype(np.float64)
        rows = np.arange(len(values))
        at = np.clip((quantiles < values[:, None]).sum(axis=1), 1, len(LEVELS) - 1)
        low, high = quantiles[rows, at - 1], quantiles[rows, at]
        part = np.clip((values - low) / np.maximum(high - low, 1e-9), 0, 1)
        level = LEVELS[at - 1] + part * (LEVELS[at] - LEVELS[at - 1])
        below, above = np.where(level >= 1, 1 - EDGE, level), np.where(level <= 0, EDGE, level)
        zero = self.zero[strata, genes].astype(np.float64)
        return zero + (1 - zero) * below, zero + (1 - zero) * above

    def quantiles(
        self,
        levels: NDArray[np.float64],
        totals: NDArray[np.float64],
        strata: NDArray[np.int64],
        genes: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return the values with given cumulative probabilities, all above the zero level."""
        del totals
        zero = self.zero[strata, genes].astype(np.float64)
        level = np.clip((levels - zero) / np.maximum(1 - zero, 1e-9), 0, 1)
        left = np.clip(np.searchsorted(LEVELS, level, side="right") - 1, 0, len(LEVELS) - 2)
        part = (level - LEVELS[left]) / (LEVELS[left + 1] - LEVELS[left])
        low, high = (self.values[strata, genes, at].astype(np.float64) for at in (left, left + 1))
        result: NDArray[np.float64] = low + part * (high - low)
        return result


def _table(
    log_expr: sparse.csc_matrix, groups: NDArray[np.int64], n_groups: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return numbers of zeros, (n_groups, n_genes), and quantiles of the rest, (n_groups, n_genes, n_levels)."""
    entries = log_expr.tocoo()
    n_genes = log_expr.shape[1]
    group = groups[entries.row] * n_genes + entries.col
    order = np.lexsort((entries.data, group))
    values = entries.data[order]
    numbers = np.bincount(group, minlength=n_groups * n_genes)
    starts = np.concatenate([[0], np.cumsum(numbers)[:-1]])
    position = starts[:, None] + LEVELS * np.maximum(numbers - 1, 0)[:, None]
    left = np.minimum(position.astype(np.int64), max(len(values) - 1, 0))
    right = np.minimum(left + 1, (starts + np.maximum(numbers - 1, 0))[:, None])
    padded = values if len(values) else np.zeros(1)
    low, high = padded[left], padded[np.maximum(np.minimum(right, len(padded) - 1), 0)]
    quantiles = low + (position - left) * (high - low)
    sizes = np.bincount(groups, minlength=n_groups)[:, None]
    zeros = (sizes - numbers.reshape(n_groups, n_genes)).astype(np.float64)
    return zeros, quantiles.reshape(n_groups, n_genes, len(LEVELS))
