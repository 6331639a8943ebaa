"""What another measurement of a cell would show on average."""

import numpy as np
from numpy.typing import NDArray

from scgarage.imputers.positions import Moments

__all__ = ["predicted"]

N_TERMS = 12
"""Counts that are summed one by one; those beyond are taken together at their mean."""


def predicted(alpha: NDArray[np.float32], beta: NDArray[np.float32], scale: NDArray[np.float32]) -> Moments:
    r"""Return mean and standard deviation of log1p CP10k of a new count.

    .. math:: c \sim \mathrm{Poisson}(\lambda), \; \lambda \sim \Gamma(\alpha, \beta): \quad
       E[\log(1 + s c)] = \sum_c \log(1 + s c) \, \frac{\Gamma(\alpha + c)}{\Gamma(\alpha) \, c!}
       \Big(\frac{\beta}{1 + \beta}\Big)^{\alpha} \Big(\frac{1}{1 + \beta}\Big)^{c}

    Parameters
    ----------
    alpha, beta
        Shape and rate of the expected count's distribution, ``(n_cells, n_genes)``, > 0.
    scale
        CP10k that one count is worth, ``(n_cells, 1)``.

    Returns
    -------
    Mean and standard deviation, log1p CP10k, float32 ``(n_cells, n_genes)``.
    """
    chance = np.exp(-alpha * np.log1p(1 / beta))
    mass, counted = chance.copy(), np.zeros_like(chance)
    first, second = np.zeros_like(chance), np.zeros_like(chance)
    for count in range(1, N_TERMS + 1):
        chance *= (alpha + (count - 1)) / (count * (1 + beta))
        value = np.log1p(np.float32(count) * scale)
        mass += chance
        counted += np.float32(count) * chance
        first += value * chance
        second += np.square(value) * chance
    left = np.maximum(1 - mass, 0)
    beyond = np.maximum((alpha / beta - counted) / np.maximum(left, np.float32(1e-6)), N_TERMS + 1)
    # Counts beyond vary too: to second order, by the variance of all counts.
    spread = np.square(scale / (1 + beyond * scale)) * (alpha / beta) * (1 + 1 / beta)
    value = np.log1p(beyond * scale) - spread / 2
    mean = first + left * value
    variance = second + left * (np.square(value) + spread) - np.square(mean)
    return mean.astype(np.float32), np.sqrt(np.maximum(variance, 0)).astype(np.float32)
