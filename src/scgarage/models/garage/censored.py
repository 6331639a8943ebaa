"""Latent normal scores of which only intervals are known, between what counts say: draws and means."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from scgarage.models.garage.compiled import (
    LOWER_TAIL,
    REACH,
    STEPS,
    compiled,
    following,
    in_parallel,
    normal_cdf,
    normal_quantile,
    pieces,
    streams,
    uniform,
)
from scgarage.models.garage.marginals import FAR


@dataclass(frozen=True)
class Censored:
    """Intervals of the latent scores of some cells and genes."""

    # score below which the cell shows no count, (n_cells, n_genes) float32; of no meaning at the entries below
    zero: NDArray[np.float32]
    rows: NDArray[np.int64]  # entries with a count, (n_entries,)
    columns: NDArray[np.int64]
    low: NDArray[np.float64]  # their intervals, (n_entries,); equal where the value is continuous
    high: NDArray[np.float64]


BLOCK = 1_000_000
"""Cells times genes that one thread works on at a time: they stay in the processor's cache."""


@compiled
def _draw_below(
    zero: NDArray[np.float32], spread: NDArray[np.float32], starts: NDArray[np.uint64], scores: NDArray[np.float32]
) -> None:
    """Replace means by draws from normal distributions cut at ``zero``, one stream for each cell."""
    for cell in range(scores.shape[0]):
        state = starts[cell]
        for gene in range(scores.shape[1]):
            state = following(state)
            mean = scores[cell, gene]
            below = normal_cdf((zero[cell, gene] - mean) / spread[gene])
            z = mean + spread[gene] * normal_quantile(uniform(state) * below)
            scores[cell, gene] = max(min(z, zero[cell, gene]), -FAR)


@compiled
def _draw_inside(
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    mean: NDArray[np.float64],
    spread: NDArray[np.float64],
    levels: NDArray[np.float64],
    drawn: NDArray[np.float64],
) -> None:
    """Draw from normal distributions cut on both sides; all arguments (n_entries,)."""
    for i in range(len(low)):
        a, b = (low[i] - mean[i]) / spread[i], (high[i] - mean[i]) / spread[i]
        # In the upper tail probabilities near 1 lose their digits; mirror those intervals.
        sign = -1.0 if a > 0 else 1.0
        if a > 0:
            a, b = -b, -a
        first = normal_cdf(a)
        p = first + levels[i] * (normal_cdf(b) - first)
        drawn[i] = min(max(mean[i] + spread[i] * sign * normal_quantile(p), low[i]), high[i])


def draw_scores(
    cells: Censored, mean: NDArray[np.float32], spread: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    r"""Draw scores from normal distributions cut to their intervals.

    .. math:: z_{ij} \sim N(m_{ij}, \psi_j^2) \; \text{given} \; a_{ij} < z_{ij} < b_{ij}
    """
    scores = mean.copy()
    starts, levels = streams(len(scores), rng), rng.random(len(cells.rows))

    def outside(rows: slice) -> None:
        _draw_below(cells.zero[rows], spread, starts[rows], scores[rows])

    inside = np.empty(len(levels))

    def entries(p: slice) -> None:
        rows, columns = cells.rows[p], cells.columns[p]
        m, s = mean[rows, columns].astype(np.float64), spread[columns].astype(np.float64)
        _draw_inside(cells.low[p], cells.high[p], m, s, levels[p], inside[p])

    in_parallel(outside, pieces(len(scores), scores.shape[1], BLOCK))
    in_parallel(entries, pieces(len(levels), 1, BLOCK // 10))
    scores[cells.rows, cells.columns] = np.clip(inside, -FAR, FAR)
    return scores


BELOW: NDArray[np.float64] = np.exp(-0.5 * ((np.arange(len(LOWER_TAIL)) / STEPS) - REACH) ** 2) / (
    np.sqrt(2 * np.pi) * LOWER_TAIL
)
"""Density over probability below, at the steps of the table of normal probabilities."""


@compiled
def _expect_below(zero: NDArray[np.float32], scores: NDArray[np.float32]) -> None:
    for cell in range(zero.shape[0]):
        for gene in range(zero.shape[1]):
            position = (min(max(zero[cell, gene], -REACH), REACH) + REACH) * STEPS
            left = int(position)
            scores[cell, gene] = -(BELOW[left] + (position - left) * (BELOW[left + 1] - BELOW[left]))


def expected_scores(cells: Censored) -> NDArray[np.float32]:
    r"""Return the mean of standard normal scores inside their intervals, (n_cells, n_genes).

    .. math:: E[z \mid a < z < b] = \frac{\phi(a) - \phi(b)}{\Phi(b) - \Phi(a)}
    """
    scores = np.empty_like(cells.zero)
    in_parallel(lambda rows: _expect_below(cells.zero[rows], scores[rows]), pieces(len(scores), scores.shape[1], BLOCK))
    # In the upper tail probabilities near 1 lose their digits; mirror those intervals.
    mirrored = cells.low > 0
    low, high = np.where(mirrored, -cells.high, cells.low), np.where(mirrored, -cells.low, cells.high)
    inside = special.ndtr(high) - special.ndtr(low)
    wide = inside > 1e-8
    density = (np.exp(-0.5 * low**2) - np.exp(-0.5 * high**2)) / np.sqrt(2 * np.pi)
    mean = np.clip(np.where(wide, density / np.where(wide, inside, 1), (low + high) / 2), low, high)
    scores[cells.rows, cells.columns] = np.where(mirrored, -mean, mean)
    return scores
