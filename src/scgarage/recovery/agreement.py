"""How well imputed values agree with values that were held out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scgarage.errors import InputError

__all__ = ["Agreement", "agreement", "correlation"]


class Agreement(NamedTuple):
    """Agreement of imputed with true values.

    Attributes
    ----------
    mae
        Mean absolute error, log1p CP10k.
    correlation
        Pearson correlation, 0 when one side is constant.
    """

    mae: float
    correlation: float


def agreement(imputed: ArrayLike, truth: ArrayLike) -> Agreement:
    r"""Compare imputed values with the truth, entry by entry.

    .. math:: \mathrm{MAE} = \frac1n \sum_i |\hat x_i - x_i|

    Parameters
    ----------
    imputed, truth
        log1p CP10k of the same entries, same shape.

    Returns
    -------
    Mean absolute error and Pearson correlation over all entries.

    Raises
    ------
    InputError
        When the shapes differ, there is nothing to compare or a value is not finite.
    """
    first, second = _pair(imputed, truth)
    return Agreement(float(np.abs(first - second).mean()), correlation(first, second))


def correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Return the Pearson correlation of two lists of numbers; 0 when one of them is constant.

    A constant says nothing about the other side, which is what a correlation of 0 means: no imputation at all leaves
    every masked entry at zero.
    """
    a, b = _pair(first, second)
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    scale = max(1.0, float(np.abs(first).max()), float(np.abs(second).max()))
    return 0.0 if norm <= 1e-12 * scale**2 else float(a @ b / norm)


def _pair(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or not a.size:
        msg = f"imputed and true values need the same shape and at least one entry; found {a.shape} and {b.shape}"
        raise InputError(msg)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        msg = "imputed and true values must be finite; found NaN or infinity"
        raise InputError(msg)
    return a.ravel(), b.ravel()
