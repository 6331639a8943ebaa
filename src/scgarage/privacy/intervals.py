"""Uncertainty: resampled cells or donors, and exact intervals of shares."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

__all__ = ["LEVEL", "N_RESAMPLES", "Weights", "resample", "share_interval"]

Weights = NDArray[np.float64]
"""How often each cell was drawn, (n_cells,)."""

LEVEL = 0.95
"""Two-sided level of every interval."""

N_RESAMPLES = 500
"""Resamples of an interval: its bounds then differ by a few percent of its width from run to run."""


def resample(
    statistic: Callable[..., float],
    *clusters: NDArray[np.intp],
    rng: np.random.Generator,
    n_resamples: int = N_RESAMPLES,
) -> tuple[float, float]:
    """Return the bootstrap percentile interval of a statistic of several independent samples.

    Parameters
    ----------
    statistic
        Function of one array of weights per sample; the weight of a cell says how often it was drawn.
    *clusters
        For each sample, the number (0 ... n_clusters - 1) of the cluster that each cell belongs to: its own,
        or its donor's. Whole clusters are drawn.
    rng
        Source of the resamples.
    n_resamples
        Number of resamples.

    Returns
    -------
    tuple of float
        Bounds; NaN when the statistic cannot be computed.

    References
    ----------
    Davison and Hinkley, Bootstrap methods and their application, 1997, doi:10.1017/CBO9780511802843.
    """
    sizes = [int(numbers.max(initial=-1)) + 1 for numbers in clusters]
    values = np.empty(n_resamples)
    for repeat in range(n_resamples):
        drawn = [np.bincount(rng.integers(size, size=size), minlength=size) for size in sizes]
        values[repeat] = statistic(
            *(counts[numbers].astype(np.float64) for counts, numbers in zip(drawn, clusters, strict=True))
        )
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def share_interval(share: float, n_effective: float) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a share.

    Parameters
    ----------
    share
        In [0, 1].
    n_effective
        Number of independent cells behind it.

    References
    ----------
    Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case of the binomial,
    1934, doi:10.1093/biomet/26.4.404.

    Examples
    --------
    >>> [round(bound, 4) for bound in share_interval(0.0, 100)]
    [0.0, 0.0362]
    """
    hits, tail = share * n_effective, (1 - LEVEL) / 2
    low = 0.0 if hits <= 0 else float(beta.ppf(tail, hits, n_effective - hits + 1))
    high = 1.0 if hits >= n_effective else float(beta.ppf(1 - tail, hits + 1, n_effective - hits))
    return low, high
