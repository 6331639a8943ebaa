"""Cells of two sets, type by type."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.metrics.checks import Points, check_labels, check_points

__all__ = ["TypedCells", "check_typed", "nothing", "pairs", "type_weights"]

TypedCells = tuple[Points, NDArray[np.str_]]
"""Values of cells, (n_cells, n_dims), and their types, (n_cells,)."""


def check_typed(
    real: ArrayLike, real_labels: ArrayLike, synthetic: ArrayLike, synthetic_labels: ArrayLike
) -> tuple[TypedCells, TypedCells]:
    """Return values as float64 and labels as strings after checking that they belong together.

    Raises
    ------
    InputError
        If the arrays cannot be compared, or if one has another number of cells than labels.
    """
    points = check_points(real=real, synthetic=synthetic)
    labels = [check_labels("real_labels", real_labels), check_labels("synthetic_labels", synthetic_labels)]
    for name, cells, types in zip(("real", "synthetic"), points, labels, strict=True):
        if len(cells) != len(types):
            msg = f"{name} has {len(cells)} cells and {name}_labels {len(types)}; expected one label for each cell"
            raise InputError(msg)
    return (points[0], labels[0]), (points[1], labels[1])


def nothing(labels: NDArray[np.str_]) -> dict[str, float]:
    """Return NaN for each type that occurs, the value of a type that the other side does not have."""
    return {str(name): float("nan") for name in np.unique(labels)}


def pairs(real: TypedCells, synthetic: TypedCells) -> Iterator[tuple[str, Points, Points]]:
    """Yield each type that both sides have with its real and its synthetic cells."""
    for name in np.intersect1d(real[1], synthetic[1]):
        yield str(name), real[0][real[1] == name], synthetic[0][synthetic[1] == name]


def type_weights(labels: NDArray[np.str_], types: NDArray[np.str_]) -> sparse.csr_matrix:
    """Return the matrix that sums cells to types.

    Parameters
    ----------
    labels
        Type of each cell, (n_cells,); cells of other types count nowhere.
    types
        Types, sorted, (n_types,).

    Returns
    -------
    scipy.sparse.csr_matrix
        Ones where a cell (column) is of a type (row), (n_types, n_cells), float64.
    """
    columns = np.flatnonzero(np.isin(labels, types))
    rows = np.searchsorted(types, labels[columns])
    return sparse.csr_matrix((np.ones(len(columns)), (rows, columns)), shape=(len(types), len(labels)))
