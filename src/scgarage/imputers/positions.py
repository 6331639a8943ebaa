"""Most likely positions of cells in the space of the default model's factors."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from scgarage.models.garage.censored import Censored
from scgarage.models.garage.factors import Factors

__all__ = ["Moments", "locate", "score_moments"]

Moments: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Means and variances."""

N_STEPS = 6
LARGEST_STEP = 2.0
"""Newton's method: steps, and how far a factor moves in one. The posterior has a single peak."""

CHUNK = 4_000_000
"""Cells times genes that are handled at a time."""


def score_moments(cells: Censored, mean: NDArray[np.float32], spread: NDArray[np.float32]) -> Moments:
    r"""Return mean and variance of latent scores that are known to lie in intervals.

    .. math:: E[z] = m + \psi \frac{\phi(a) - \phi(b)}{\Phi(b) - \Phi(a)}, \qquad z \sim N(m, \psi^2), \;
        a < (z - m) / \psi < b

    Parameters
    ----------
    cells
        The intervals of n_cells and n_genes.
    mean
        Means before the intervals are known, ``(n_cells, n_genes)``.
    spread
        Standard deviations before, ``(n_genes,)``.

    Returns
    -------
    Means, and variances divided by the square of ``spread``, in [0, 1]; both float32 ``(n_cells, n_genes)``.
    """
    upper = (cells.zero - mean) / spread
    ratio = np.exp(-0.5 * np.square(upper) - special.log_ndtr(upper) - np.float32(0.5 * np.log(2 * np.pi)))
    scores = mean - spread * ratio
    variance = np.clip(1 - ratio * (ratio + upper), 0, 1)
    m, s = mean[cells.rows, cells.columns].astype(np.float64), spread[cells.columns].astype(np.float64)
    low, high = (cells.low - m) / s, (cells.high - m) / s
    # In the upper tail probabilities near 1 lose their digits; mirror those intervals.
    sign = np.where(low > 0, -1.0, 1.0)
    low, high = np.where(low > 0, -high, low), np.where(low > 0, -low, high)
    inside = special.ndtr(high) - special.ndtr(low)
    wide = inside > 1e-8
    at_low, at_high = (np.exp(-0.5 * np.square(edge)) / np.sqrt(2 * np.pi) for edge in (low, high))
    shift = np.where(wide, (at_low - at_high) / np.where(wide, inside, 1), (low + high) / 2)
    shift = np.clip(shift, low, high)
    second = (low * at_low - high * at_high) / np.where(wide, inside, 1)
    scores[cells.rows, cells.columns] = m + s * sign * shift
    variance[cells.rows, cells.columns] = np.where(wide, np.clip(1 + second - np.square(shift), 0, 1), 0)
    return scores.astype(np.float32), variance.astype(np.float32)


def locate(cells: Censored, factors: Factors) -> Moments:
    r"""Return the most likely factors of cells, and how uncertain the scores are that follow from them.

    Newton's method on the logarithm of the posterior, which is concave; no draws, so that a cell's position does not
    depend on the other cells.

    .. math:: \Lambda_i = I + \sum_j \frac{1 - V_{ij}}{\psi_j^2} w_j w_j^T, \qquad
        f_i \leftarrow f_i + \Lambda_i^{-1} \Big(\sum_j \frac{E[z_{ij}] - w_j^T f_i}{\psi_j^2} w_j - f_i\Big)

    Parameters
    ----------
    cells
        Intervals of the scores of n_cells and n_genes.
    factors
        Loadings w and noise :math:`\psi`.

    Returns
    -------
    Factors, float32 ``(n_cells, n_factors)``, and variances :math:`w_j^T \Lambda_i^{-1} w_j` of the scores' means,
    float32 ``(n_cells, n_genes)``.
    """
    n_cells, n_genes = cells.zero.shape
    step = max(1, CHUNK // n_genes)
    parts = [_locate(_rows(cells, start, min(start + step, n_cells)), factors) for start in range(0, n_cells, step)]
    found, uncertain = zip(*parts, strict=True)
    return np.concatenate(found), np.concatenate(uncertain)


def _locate(cells: Censored, factors: Factors) -> Moments:
    w, precision = factors.loadings, 1 / np.square(factors.noise)
    n_factors = w.shape[1]
    products = (w[:, :, None] * w[:, None, :]).reshape(len(w), -1)
    found = np.zeros((len(cells.zero), n_factors), dtype=np.float32)
    identity = np.eye(n_factors, dtype=np.float32)
    for _ in range(N_STEPS):
        mean = found @ w.T
        scores, variance = score_moments(cells, mean, factors.noise)
        information = (((1 - variance) * precision) @ products).reshape(-1, n_factors, n_factors) + identity
        slope = ((scores - mean) * precision) @ w - found
        move = np.linalg.solve(information, slope[:, :, None])[:, :, 0]
        found = (found + np.clip(move, -LARGEST_STEP, LARGEST_STEP)).astype(np.float32)
    covariance = np.linalg.inv(information).reshape(len(found), -1)
    return found, np.maximum(covariance @ products.T, 0).astype(np.float32)


def _rows(cells: Censored, start: int, stop: int) -> Censored:
    inside = (cells.rows >= start) & (cells.rows < stop)
    low, high = cells.low[inside], cells.high[inside]
    return Censored(cells.zero[start:stop], cells.rows[inside] - start, cells.columns[inside], low, high)
