"""Near copies: cells far nearer to one training cell than to the next."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.neighbors import NearestNeighbors

from scgarage.errors import InputError
from scgarage.metrics.checks import Points, check_points
from scgarage.privacy.thresholds import NEAR_QUANTILE

__all__ = ["near_copies", "near_limit", "neighbour_ratio"]

LIMIT_CELLS = 5_000
"""Training cells whose ratios set the limit at most; fifty of them then lie below it."""


def neighbour_ratio(cells: ArrayLike, train: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    r"""Return how much nearer the nearest training cell is than the second nearest.

    .. math:: r(x) = d_1(x) / d_2(x)

    The ratio does not depend on how dense a type is, nor on how far synthetic cells lie from all real ones:
    averaged cells, which lie near many, have a ratio near 1, and copies have one near 0.

    Parameters
    ----------
    cells
        Coordinates, (n_cells, n_dims).
    train
        Coordinates of at least two training cells, (n_train, n_dims).

    Returns
    -------
    tuple of numpy.ndarray
        Ratio in [0, 1], and row of the nearest training cell, both (n_cells,).

    Raises
    ------
    InputError
        If the arrays cannot be compared, or there are fewer than two training cells.
    """
    cells, train = check_points(cells=cells, train=train)
    (train,) = check_points(2, train=train)
    distances, rows = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(train).kneighbors(cells)
    return _ratio(distances), rows[:, 0]


def near_limit(train: ArrayLike, *, quantile: float = NEAR_QUANTILE, random_state: int = 0) -> float:
    """Return the ratio below which a cell is a near copy.

    Parameters
    ----------
    train
        Coordinates of at least three training cells, (n_train, n_dims); components fitted on other cells.
    quantile
        Share of real cells to be called near copies, in (0, 1).
    random_state
        Seed of the sample of :data:`LIMIT_CELLS` training cells, when there are more.

    Returns
    -------
    float
        The ``quantile`` of the ratios (:func:`neighbour_ratio`) of training cells, each against the others.

    Raises
    ------
    InputError
        If there are fewer than three training cells, or ``quantile`` is out of range.
    """
    (train,) = check_points(3, train=train)
    if not 0 < quantile < 1:
        msg = f"quantile is {quantile}; expected a share between 0 and 1"
        raise InputError(msg)
    rows = np.random.default_rng(random_state).permutation(len(train))[:LIMIT_CELLS]
    distances, _ = NearestNeighbors(n_neighbors=3, algorithm="brute").fit(train).kneighbors(train[rows])
    return float(np.quantile(_ratio(distances[:, 1:]), quantile))  # the first is the cell itself


def near_copies(cells: ArrayLike, train: ArrayLike, *, quantile: float = NEAR_QUANTILE) -> NDArray[np.bool_]:
    """Say which cells lie nearer to one training cell than real cells lie to each other.

    A cell is a near copy when its ratio (:func:`neighbour_ratio`) is below that of a share ``quantile`` of
    training cells (:func:`near_limit`). Of fresh real cells the same share is.

    Parameters
    ----------
    cells
        Coordinates, (n_cells, n_dims).
    train
        Coordinates of at least three training cells, (n_train, n_dims); components fitted on other cells.
    quantile
        Share of real cells to be called near copies, in (0, 1).

    Returns
    -------
    numpy.ndarray
        Whether each is a near copy, (n_cells,).

    Raises
    ------
    InputError
        If the arrays cannot be compared, there are fewer than three training cells, or ``quantile`` is out
        of range.

    References
    ----------
    Zhao et al., CTAB-GAN: effective table data synthesizing, 2021, arXiv:2102.08369 (nearest neighbour
    distance ratio).

    Examples
    --------
    >>> train = np.random.default_rng(0).normal(size=(200, 5))
    >>> bool(near_copies(train + 1e-6, train).all())
    True
    """
    ratio, _ = neighbour_ratio(cells, train)
    return np.asarray(ratio < near_limit(train, quantile=quantile))


def _ratio(distances: Points) -> NDArray[np.float64]:
    """Divide the first column by the second; a cell equal to two training cells is a copy all the same."""
    nearest, second = distances.T
    return np.asarray(np.divide(nearest, second, out=np.zeros_like(nearest), where=second > 0))
