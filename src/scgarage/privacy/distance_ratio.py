"""Distance to the closest record: training cells against as many held-out cells."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scgarage.errors import InputError
from scgarage.metrics.checks import check_points
from scgarage.metrics.neighbours import nearest_distance

__all__ = ["LOW_QUANTILE", "distance_ratio", "quantile_ratio"]

LOW_QUANTILE = 0.1
"""Quantile that the audit compares: where only some training cells are copied, or only some of them are compared
with, the nearest tenth of the synthetic cells shows it and the median does not."""


def distance_ratio(synthetic: ArrayLike, train: ArrayLike, holdout: ArrayLike, *, quantile: float = 0.5) -> float:
    r"""Return how far synthetic cells are from training cells, relative to held-out cells.

    .. math:: \frac{Q_s \min_{t} \lVert s - t \rVert}{Q_s \min_{h} \lVert s - h \rVert}

    with :math:`Q_s` a quantile over synthetic cells :math:`s`, :math:`t` training and :math:`h` held-out cells.

    Parameters
    ----------
    synthetic
        Coordinates of synthetic cells, (n_synthetic, n_dims).
    train
        Coordinates of training cells, (n, n_dims).
    holdout
        Coordinates of as many cells that the model has not seen, (n, n_dims).
    quantile
        Quantile of the distances, in (0, 1); the median by default.

    Returns
    -------
    float
        1 for fresh cells, 0 when more than a share ``quantile`` are copies.

    Raises
    ------
    InputError
        If the arrays cannot be compared, ``quantile`` is out of range, or the numbers of training and held-out
        cells differ: among more cells the nearest is nearer.

    References
    ----------
    Platzer and Reutterer, Holdout-based empirical assessment of mixed-type synthetic data, 2021,
    doi:10.3389/fdata.2021.679939.

    Examples
    --------
    >>> train, holdout = np.random.default_rng(0).normal(size=(2, 50, 3))
    >>> distance_ratio(train, train, holdout)
    0.0
    """
    synthetic, train, holdout = check_points(synthetic=synthetic, train=train, holdout=holdout)
    if not 0 < quantile < 1:
        msg = f"quantile is {quantile}; expected a share between 0 and 1"
        raise InputError(msg)
    if len(train) != len(holdout):
        msg = f"train has {len(train)} cells and holdout {len(holdout)}; draw as many of the one as of the other"
        raise InputError(msg)
    return quantile_ratio(nearest_distance(synthetic, train), nearest_distance(synthetic, holdout), quantile)


def quantile_ratio(to_train: NDArray[np.float64], to_holdout: NDArray[np.float64], quantile: float) -> float:
    """Return the ratio of a quantile of two sets of distances; 1 when both are 0."""
    above, below = float(np.quantile(to_train, quantile)), float(np.quantile(to_holdout, quantile))
    if below == 0:
        return 1.0 if above == 0 else float("inf")
    return above / below
