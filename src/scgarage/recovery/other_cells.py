"""Agreement with a deeper measurement of other cells of the same types."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError

__all__ = ["TypeAgreement", "type_agreement"]

SMALLEST_TYPE = 3
"""Cells that a type needs on both sides."""


class TypeAgreement(NamedTuple):
    """Agreement of imputed cells with other, deeper cells of their types.

    Attributes
    ----------
    correlation
        Pearson correlation of a cell with the mean of the deeper cells of its type, averaged over cells, then types.
        A method that makes all cells of a type the same does well on it.
    distance
        Wasserstein distance between the values of a gene in the cells of a type and in the deeper ones, log1p CP10k,
        averaged over genes, then types. A method that makes all cells of a type the same does badly on it.
    """

    correlation: float
    distance: float


def type_agreement(
    imputed: sparse.csr_matrix | NDArray[np.floating],
    types: NDArray[np.str_],
    deeper: sparse.csr_matrix | NDArray[np.floating],
    deeper_types: NDArray[np.str_],
) -> TypeAgreement:
    r"""Compare imputed cells with a deeper measurement of other cells, type by type.

    .. math:: W_j = \int_0^1 |F_j^{-1}(u) - G_j^{-1}(u)| \, du

    with the distributions F and G of gene j in the cells of a type.

    Parameters
    ----------
    imputed
        log1p CP10k, ``(n_cells, n_genes)``.
    types
        Cell types, shape ``(n_cells,)``.
    deeper
        log1p CP10k of other cells, ``(n_deeper_cells, n_genes)``.
    deeper_types
        Their types, shape ``(n_deeper_cells,)``.

    Returns
    -------
    Means over the types that have at least 3 cells on both sides.

    Raises
    ------
    InputError
        When no type has enough cells on both sides.
    """
    correlations, distances = [], []
    for name in np.intersect1d(types, deeper_types):
        mine, theirs = (_dense(values, own == name) for values, own in ((imputed, types), (deeper, deeper_types)))
        if min(len(mine), len(theirs)) < SMALLEST_TYPE:
            continue
        correlations.append(_correlations(mine, theirs.mean(axis=0)).mean())
        distances.append(_distances(mine, theirs).mean())
    if not distances:
        msg = (
            f"the deeper measurement shares no cell type of at least {SMALLEST_TYPE} cells with these cells; "
            f"found {sorted(set(types.tolist()))[:5]} and {sorted(set(deeper_types.tolist()))[:5]}"
        )
        raise InputError(msg)
    return TypeAgreement(float(np.mean(correlations)), float(np.mean(distances)))


def _dense(values: sparse.csr_matrix | NDArray[np.floating], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    part = values[np.flatnonzero(mask)]
    return np.asarray(part.toarray() if sparse.issparse(part) else part, dtype=np.float64)


def _correlations(cells: NDArray[np.float64], profile: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation of each cell with a profile; 0 when one of them is constant."""
    cells, profile = cells - cells.mean(axis=1, keepdims=True), profile - profile.mean()
    norms = np.linalg.norm(cells, axis=1) * np.linalg.norm(profile)
    return np.where(norms > 0, (cells @ profile) / np.where(norms > 0, norms, 1), 0.0)


def _distances(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the exact Wasserstein distance of each column."""
    ends = np.union1d(np.arange(1, len(first) + 1) / len(first), np.arange(1, len(second) + 1) / len(second))
    widths = np.diff(ends, prepend=0.0)
    middle = ends - widths / 2
    first, second = np.sort(first, axis=0), np.sort(second, axis=0)
    a, b = (values[np.minimum((middle * len(values)).astype(int), len(values) - 1)] for values in (first, second))
    distances: NDArray[np.float64] = widths @ np.abs(a - b)
    return distances
