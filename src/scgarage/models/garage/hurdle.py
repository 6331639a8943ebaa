"""Marginal distribution of log-normalised values, where no counts are known."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.models.garage.depth import Depth

__all__ = ["Hurdle"]

LEVELS: NDArray[np.float64] = np.concatenate([np.linspace(0.0, 0.9375, 16), [0.97, 0.985, 0.995, 1.0]])
"""Levels at which the quantiles of the values above zero are kept: closer above, where a straight line from the 94 %
quantile to the largest value would make the tail too heavy."""

EDGE = 1 / 32
"""Share of the values that the smallest and the largest one stand for."""

Genes = slice | NDArray[np.int64]


@dataclass(frozen=True)
class Hurdle:
    """Zero with the stratum's zero fraction, else the quantiles of the values seen.

    Small strata borrow from the gene's quantiles over all strata. Library sizes are unknown and not used.

    Attributes
    ----------
    zero
        Probability of zero, (n_strata, n_genes).
    values
        Quantiles of the values above zero at :data:`LEVELS`, (n_strata, n_genes, n_levels).
    """

    zero: NDArray[np.float32]
    values: NDArray[np.float32]

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
        """Estimate from log-normalised values, CSC (n_cells, n_genes), and stratum numbers, (n_cells,).

        ``mean_prior`` and ``weight_prior`` are the cells that the zero fraction and the quantiles over all strata are
        worth; ``totals`` and ``depth`` are unused.
        """
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
        """Return the cumulative probabilities of single values above zero.

        Low and high are the same, but at the smallest and the largest value, whose levels 0 and 1 would be infinite
        scores: these get an interval as wide as :data:`EDGE`.
        """
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
