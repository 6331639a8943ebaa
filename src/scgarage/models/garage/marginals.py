"""Free distributions of rates for every gene and stratum."""

from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from scgarage.models.garage.compiled import compiled, in_parallel, pieces
from scgarage.models.garage.mixture import (
    GRID,
    N_RATES,
    counts_at_levels,
    fit_weights,
    levels_of_counts,
    zero_probability,
)
from scgarage.models.garage.strata import Depth, drawn_to_types, fit_slopes

Genes: TypeAlias = slice | NDArray[np.int64]
"""Which genes."""

ENTRIES = 50_000
"""Entries that one thread works on at a time."""

KNOTS = 17
"""Library sizes at which zero probabilities are tabulated."""

FAR = 6.0
"""Latent scores stay within so many standard deviations."""


def normal_score(levels: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return standard normal quantiles, kept finite."""
    result: NDArray[np.float64] = np.clip(special.ndtri(np.clip(levels, 0, 1)), -FAR, FAR)
    return result


@compiled
def _tabulate(
    expected: NDArray[np.float64], weights: NDArray[np.float32], genes: NDArray[np.int64], zero: NDArray[np.float64]
) -> None:
    """Fill in the probability of no count of some genes of one stratum, for expected counts of the same shape."""
    for knot in range(expected.shape[0]):
        for number in range(len(genes)):
            zero[knot, number] = zero_probability(weights[genes[number]], expected[knot, number])


@compiled
def _between(
    table: NDArray[np.float32],
    strata: NDArray[np.int64],
    left: NDArray[np.int64],
    part: NDArray[np.float32],
    scores: NDArray[np.float32],
) -> None:
    """Interpolate a table (n_strata, n_knots, n_genes) for cells between the knots ``left`` and the next ones."""
    for cell in range(len(strata)):
        below, above = table[strata[cell], left[cell]], table[strata[cell], left[cell] + 1]
        for gene in range(scores.shape[1]):
            scores[cell, gene] = below[gene] + part[cell] * (above[gene] - below[gene])


@dataclass(frozen=True)
class ZeroScores:
    """Normal scores of the probability of zero, tabulated at evenly spaced log library sizes."""

    table: NDArray[np.float32]  # (n_strata, n_knots, n_genes)
    first: float  # smallest log library size
    step: float

    def at(self, totals: NDArray[np.float64], strata: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores of cells with given library sizes and strata, (n_cells, n_genes)."""
        position = np.clip((np.log(totals) - self.first) / self.step, 0, self.table.shape[1] - 1 - 1e-9)
        left = position.astype(np.int64)
        scores = np.empty((len(totals), self.table.shape[2]), dtype=np.float32)
        _between(self.table, strata, left, (position - left).astype(np.float32), scores)
        return scores


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
        parent: NDArray[np.int64] | None = None,
    ) -> Self:
        """Estimate from training cells; ``parent`` says which type each stratum is a group of, (n_strata,)."""
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
        if parent is not None and len(np.unique(parent)) < n_strata:
            share = drawn_to_types(share, exposure, counts.tocsr(), totals, strata, parent)
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

    def zero_scores(self, genes: Genes) -> "ZeroScores":
        """Return the normal scores of no count of some genes, smooth in the log library size."""
        chosen = np.arange(self.share.shape[1], dtype=np.int64)[genes]
        totals = np.exp(self.knots)

        def one(stratum: int) -> NDArray[np.float32]:
            x = self.depth.standardise(totals, np.full(KNOTS, stratum))
            expected = totals[:, None] * self.share[stratum, chosen] * np.exp(x * self.slope[stratum, chosen])
            zero = np.empty_like(expected)
            _tabulate(expected, self.weights[stratum], chosen, zero)
            return normal_score(zero).astype(np.float32)

        table = np.stack(in_parallel(one, range(len(self.share))))
        return ZeroScores(table, float(self.knots[0]), float(self.knots[1] - self.knots[0]))

    def intervals(
        self,
        counts: NDArray[np.float64],
        totals: NDArray[np.float64],
        strata: NDArray[np.int64],
        genes: NDArray[np.int64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the cumulative probabilities below and at single counts; all arguments (n_entries,)."""
        low, high = np.empty(len(counts)), np.empty(len(counts))
        weights, which = self._flat(strata, genes)
        expected = self._expected(totals, strata, genes)

        def fill(p: slice) -> None:
            levels_of_counts(counts[p], expected[p], weights, which[p], low[p], high[p])

        in_parallel(fill, pieces(len(counts), 1, ENTRIES))
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
        weights, which = self._flat(strata, genes)
        counts_at_levels(levels, self._expected(totals, strata, genes), weights, which, result)
        return np.minimum(result, self.highest[genes])

    @property
    def depth(self) -> Depth:
        """What standardises the library sizes."""
        return Depth(self.centre, self.spread, np.ones_like(self.centre), np.zeros_like(self.centre))

    def _flat(
        self, strata: NDArray[np.int64], genes: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the weights as a table of rows, and the row of each entry."""
        return self.weights.reshape(-1, N_RATES), strata * self.share.shape[1] + genes

    def _expected(
        self, totals: NDArray[np.float64], strata: NDArray[np.int64], genes: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        x = self.depth.standardise(totals, strata)[:, 0]
        expected: NDArray[np.float64] = totals * self.share[strata, genes] * np.exp(self.slope[strata, genes] * x)
        return expected


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
        parent: NDArray[np.int64] | None = None,
    ) -> Self:
        """Estimate from log-normalised values, CSC (n_cells, n_genes), and stratum numbers, (n_cells,)."""
        del totals, depth, parent
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

    def zero_scores(self, genes: Genes) -> "ZeroScores":
        """Return the normal scores of zero of some genes, the same for all library sizes."""
        scores = normal_score(self.zero[:, genes]).astype(np.float32)
        return ZeroScores(np.stack([scores, scores], axis=1), 0.0, 1.0)

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
