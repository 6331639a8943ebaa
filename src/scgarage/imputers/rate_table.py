"""What a latent score says about a gene's rate, tabulated."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from scgarage.models.garage.mixture_grid import GRID, SHAPE
from scgarage.models.garage.poisson_mixture import PoissonMixture

__all__ = ["RateTable", "expected_counts"]

SCORES: NDArray[np.float64] = np.linspace(-3.5, 3.5, 15)
N_DEPTHS = 3
N_STEPS = 14
"""Points of the table, and steps in which the counts of a gene are gone through."""

SMALLEST_WEIGHT = 1e-4
"""Components of a mixture that weigh less are left out."""


@dataclass(frozen=True)
class RateTable:
    r"""Mean and mean square of the relative rate of each gene, given the expected latent score.

    .. math:: E[\rho \mid m] = \sum_c P(c \mid m) \, E[\rho \mid c], \qquad
       P(c \mid m) = \Phi\Big(\frac{b_c - m}{\tau}\Big) - \Phi\Big(\frac{a_c - m}{\tau}\Big)

    where :math:`(a_c, b_c)` is the interval of scores of the count c and :math:`E[\rho \mid c]` its posterior mean
    under the mixture of rates of the gene. A score that knows nothing gives the mixture itself.

    Attributes
    ----------
    depths
        Log library sizes of the table, ``(n_depths,)``.
    first, second
        Means of :math:`\rho` and :math:`\rho^2`, ``(n_strata, n_depths, n_genes, n_scores)`` float32.
    """

    depths: NDArray[np.float64]
    first: NDArray[np.float32]
    second: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        marginal: PoissonMixture,
        spread: NDArray[np.float32],
        totals: NDArray[np.float64],
        strata: NDArray[np.int64],
    ) -> Self:
        r"""Tabulate.

        Parameters
        ----------
        marginal
            Mixtures of rates.
        spread
            Standard deviation :math:`\tau` of each gene's score about its mean, ``(n_genes,)``.
        totals
            Library sizes of the training cells, ``(n_cells,)``.
        strata
            Their strata, ``(n_cells,)``; strata without cells get what no score says.
        """
        depths = np.quantile(np.log(totals), np.linspace(0.02, 0.98, N_DEPTHS))
        depths += 1e-3 * np.arange(N_DEPTHS)  # all cells may be equally deep
        shape = (*marginal.share.shape, len(SCORES))
        table = np.empty((2, shape[0], N_DEPTHS, *shape[1:]), dtype=np.float32)
        for stratum in range(shape[0]):
            weights = marginal.weights[stratum].astype(np.float64)
            if not (strata == stratum).any():
                table[:, stratum] = np.stack([weights @ GRID, weights @ GRID**2])[:, None, :, None]
                continue
            means = expected_counts(marginal, np.exp(depths), np.full(N_DEPTHS, stratum))
            for number in range(N_DEPTHS):
                table[:, stratum, number] = _moments(weights, means[number], spread.astype(np.float64))
        return cls(depths, table[0], table[1])

    def __call__(
        self, scores: NDArray[np.float32], totals: NDArray[np.float64], strata: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return mean and variance of the relative rates.

        Parameters
        ----------
        scores
            Expected scores m, ``(n_cells, n_genes)``.
        totals, strata
            Library size and stratum of each cell, ``(n_cells,)``.
        """
        depth = np.interp(np.log(totals), self.depths, np.arange(N_DEPTHS))
        above = np.minimum(depth.astype(np.int64), N_DEPTHS - 2)
        at = np.clip((scores - SCORES[0]) / (SCORES[1] - SCORES[0]), 0, len(SCORES) - 1 - 1e-4).astype(np.float32)
        left = at.astype(np.int64)
        moments = np.zeros((2, *scores.shape), dtype=np.float32)
        for step, weight in ((0, 1 - (depth - above)), (1, depth - above)):
            # The same column of the flat table for both moments.
            start = ((strata * N_DEPTHS + above + step)[:, None] * scores.shape[1] + np.arange(scores.shape[1])) * len(
                SCORES
            )
            for shift, part in ((0, 1 - (at - left)), (1, at - left)):
                share = part * weight[:, None].astype(np.float32)
                moments[0] += share * self.first.ravel()[start + left + shift]
                moments[1] += share * self.second.ravel()[start + left + shift]
        return moments[0], np.maximum(moments[1] - np.square(moments[0]), 1e-6)


def expected_counts(
    marginal: PoissonMixture, totals: NDArray[np.float64], strata: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the counts of every gene at a relative rate of one, ``(n_cells, n_genes)``.

    Parameters
    ----------
    marginal
        Mixtures of rates.
    totals, strata
        Library size and stratum of each cell, ``(n_cells,)``.
    """
    depth = marginal.depth.standardise(totals, strata)
    expected: NDArray[np.float64] = totals[:, None] * marginal.share[strata] * np.exp(marginal.slope[strata] * depth)
    return expected


def _moments(
    weights: NDArray[np.float64], means: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the two moments for all genes at one depth, (2, n_genes, n_scores)."""
    steps = _count_steps(weights, means)
    gene, component = np.nonzero(weights > SMALLEST_WEIGHT)
    rate = GRID[component]
    odds = SHAPE / (SHAPE + means[gene] * rate)
    # A component's distribution of counts is negative binomial: its probability up to each step.
    reached = special.betainc(SHAPE, steps[:, gene] + 1.0, odds)
    reached[-1] = 1.0
    inside = np.diff(reached, axis=0, prepend=0.0) * weights[gene, component]
    starts = np.flatnonzero(np.diff(gene, prepend=-1))
    mass, first, second = (np.add.reduceat(inside * rate**power, starts, axis=1) for power in range(3))
    edges = special.ndtri(np.clip(np.cumsum(mass, axis=0) / mass.sum(axis=0), 0, 1))
    below = special.ndtr((edges[:, :, None] - SCORES) / spread[:, None])
    below[-1] = 1.0
    chance = np.diff(below, axis=0, prepend=0.0) / np.maximum(mass, 1e-300)[:, :, None]
    chance[mass < 1e-12] = 0.0
    total = np.einsum("bgm,bg->gm", chance, mass)
    return np.stack([np.einsum("bgm,bg->gm", chance, moment) / total for moment in (first, second)])


def _count_steps(weights: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return counts from zero to beyond what a gene is likely to show, (n_steps, n_genes), finer at the low end."""
    highest = GRID[(np.cumsum(weights, axis=1) < 0.999).sum(axis=1).clip(max=len(GRID) - 1)] * means
    highest = highest + 4 * np.sqrt(highest + np.square(highest) / SHAPE) + 3
    steps: NDArray[np.float64] = np.rint(np.expm1(np.linspace(0, 1, N_STEPS)[:, None] * np.log1p(highest)))
    return steps
