"""Draw cells anew that are too like a training cell, or empty."""

import warnings
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.models.garage.copies import Fingerprints
from scgarage.models.garage.distance_floor import DistanceFloor

__all__ = ["N_REDRAWS", "Guards", "redraw"]

N_REDRAWS = 10
"""Times that cells too like a training cell are drawn anew."""

Guards: TypeAlias = tuple[Fingerprints, DistanceFloor]


def redraw(
    values: sparse.csr_matrix,
    draw: Callable[[NDArray[np.intp]], sparse.csr_matrix],
    guards: Guards,
    log_expr: Callable[[sparse.csr_matrix], sparse.csr_matrix],
) -> tuple[sparse.csr_matrix, dict[str, int]]:
    """Return cells among which none equals a training cell, lies too near to one or is empty, as far as can be.

    Parameters
    ----------
    values
        Cells as drawn, (n_cells, n_genes).
    draw
        Draws the cells of the given rows anew.
    guards
        What knows the training cells.
    log_expr
        From values to log1p CP10k.

    Returns
    -------
    The cells, and how many were refused: ``refused_copies`` and ``refused_near``.

    Warns
    -----
    UserWarning
        If cells remain that are too like a training cell after :data:`N_REDRAWS` new draws.
    """
    refused = {"refused_copies": 0, "refused_near": 0}
    for _ in range(N_REDRAWS):
        copied, near, empty = _faults(values, guards, log_expr)
        refused["refused_copies"] += int(copied.sum())
        refused["refused_near"] += int(near.sum())
        again = np.flatnonzero(copied | near | empty)
        if not len(again):
            return values, refused
        kept = np.setdiff1d(np.arange(values.shape[0]), again)
        order = np.argsort(np.concatenate([kept, again]), kind="stable")
        values = sparse.csr_matrix(sparse.vstack([values[kept], draw(again)]))[order]
    copied, near, _ = _faults(values, guards, log_expr)
    if left := int((copied | near).sum()):
        msg = (
            f"{left:,} of {values.shape[0]:,} cells equal a training cell or lie too near to one after {N_REDRAWS} new "
            "draws: few cells of a type, genes or counts leave little to differ in; audit before you share them"
        )
        warnings.warn(msg, UserWarning, stacklevel=4)
    return values, refused


def _faults(
    values: sparse.csr_matrix, guards: Guards, log_expr: Callable[[sparse.csr_matrix], sparse.csr_matrix]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which cells equal a training cell, which others lie too near to one, and which are empty."""
    fingerprints, floor = guards
    copied, empty = fingerprints.match(values), np.diff(values.indptr) == 0
    near = np.zeros(len(copied), dtype=np.bool_)
    near[~empty] = floor.broken_by(log_expr(values[~empty]))
    return copied, near & ~copied, empty
