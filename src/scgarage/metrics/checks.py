"""Checks of the arrays that metrics are given."""

from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from scgarage.errors import InputError

Points: TypeAlias = NDArray[np.float64]
"""Cells as rows of an array, (n_cells, n_dims)."""


def check_points(minimum: int = 1, **arrays: ArrayLike) -> tuple[Points, ...]:
    """Return the arrays as float64 after checking that they can be compared.

    Parameters
    ----------
    minimum
        Fewest cells that each array must have.
    **arrays
        Arrays of shape (n_cells, n_dims), by the name that error messages show.

    Returns
    -------
    tuple of numpy.ndarray
        The arrays in the order given, float64.

    Raises
    ------
    InputError
        If an array is not two-dimensional, has fewer than ``minimum`` cells, holds NaN or infinity, or has
        another number of columns than the first.
    """
    checked = [_check_one(name, array, minimum) for name, array in arrays.items()]
    first_name, n_dims = next(iter(arrays)), checked[0].shape[1]
    for name, points in zip(arrays, checked, strict=True):
        if points.shape[1] != n_dims:
            msg = f"{name} has {points.shape[1]} columns and {first_name} {n_dims}; they must be the same ones"
            raise InputError(msg)
    return tuple(checked)


def _check_one(name: str, array: ArrayLike, minimum: int) -> Points:
    points = np.asarray(array, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] == 0:
        msg = f"{name} has shape {points.shape}; expected (n_cells, n_dims)"
        raise InputError(msg)
    if points.shape[0] < minimum:
        msg = f"{name} has {points.shape[0]} cells; this metric needs at least {minimum}"
        raise InputError(msg)
    if not np.isfinite(points).all():
        msg = f"{name} holds NaN or infinite values; remove or replace them first"
        raise InputError(msg)
    return points


def check_labels(name: str, labels: ArrayLike) -> NDArray[np.str_]:
    """Return labels as an array of strings after checking that there is one for every cell.

    Parameters
    ----------
    name
        Name that error messages show.
    labels
        One label for each cell, (n_cells,).

    Returns
    -------
    numpy.ndarray
        The labels as strings, (n_cells,).

    Raises
    ------
    InputError
        If there are no labels, if they are not one-dimensional or if one is missing.
    """
    array: NDArray[Any] = np.asarray(labels, dtype=object)
    if array.ndim != 1 or array.size == 0:
        msg = f"{name} has shape {array.shape}; expected one label for each of at least one cell"
        raise InputError(msg)
    if pd.isna(array).any():
        msg = f"{name} has missing labels; give every cell a label first"
        raise InputError(msg)
    return array.astype(np.str_)


def check_mask(mask: ArrayLike | None, n_cells: int) -> NDArray[np.bool_]:
    """Return the mask of the real cells that a value is about; all of them when it is None.

    Parameters
    ----------
    mask
        Boolean, (n_cells,), or None.
    n_cells
        Number of real cells.

    Returns
    -------
    numpy.ndarray
        Boolean, (n_cells,).

    Raises
    ------
    InputError
        If the mask has another shape or type or picks no cell.
    """
    if mask is None:
        return np.ones(n_cells, dtype=np.bool_)
    chosen = np.asarray(mask)
    if chosen.shape != (n_cells,) or chosen.dtype != np.bool_:
        msg = f"mask has shape {chosen.shape} and dtype {chosen.dtype}; expected ({n_cells},) and bool"
        raise InputError(msg)
    if not chosen.any():
        msg = "mask picks no real cell; there is nothing to measure"
        raise InputError(msg)
    return chosen
