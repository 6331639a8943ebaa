"""What the observed values say about their latent normal scores: an interval each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Censored", "draw_scores", "normal_score"]

FAR = 6.0
"""Scores stay within so many standard deviations."""


@dataclass(frozen=True)
class Censored:
    """Intervals of the latent scores of some cells and genes.

    Attributes
    ----------
    zero
        Score below which the cell shows no count, (n_cells, n_genes) float32; of no meaning at the entries below.
    rows, columns
        Entries with a count, (n_entries,).
    low, high
        Their intervals, (n_entries,); equal where the value is continuous.
    """

    zero: NDArray[np.float32]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def normal_score(levels: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return standard normal quantiles, kept finite."""
    result: NDArray[np.floating] = np.clip(special.ndtri(levels), -FAR, FAR)
    return result


def draw_scores(
    cells: Censored, mean: NDArray[np.float32], spread: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    r"""Draw scores from normal distributions cut to their intervals.

    .. math:: z_{ij} \sim N(m_{ij}, \psi_j^2) \; \text{given} \; a_{ij} < z_{ij} < b_{ij}

    Parameters
    ----------
    cells
        The intervals.
    mean
        Means, (n_cells, n_genes).
    spread
        Standard deviations, (n_genes,).
    rng
        Source of the draws.

    Returns
    -------
    numpy.ndarray
        Scores, (n_cells, n_genes) float32.
    """
    scores = (cells.zero - mean) / spread
    special.ndtr(scores, out=scores)
    scores *= rng.random(scores.shape, dtype=np.float32)
    special.ndtri(np.maximum(scores, np.float32(1e-9), out=scores), out=scores)
    scores *= spread
    scores += mean
    m, s = mean[cells.rows, cells.columns].astype(np.float64), spread[cells.columns].astype(np.float64)
    low, high = (cells.low - m) / s, (cells.high - m) / s
    # In the upper tail probabilities near 1 lose their digits; mirror those intervals.
    sign = np.where(low > 0, -1.0, 1.0)
    first, last = special.ndtr(np.where(low > 0, -high, low)), special.ndtr(np.where(low > 0, -low, high))
    drawn = special.ndtri(np.clip(first + rng.random(len(m)) * (last - first), 1e-300, 1.0))
    inside = np.clip(m + s * sign * drawn, cells.low, cells.high)
    scores[cells.rows, cells.columns] = inside
    return np.clip(scores, -FAR, FAR, out=scores)
