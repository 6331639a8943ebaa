"""Means, spread and shares of expressing cells of each type: what figures about types are drawn from."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from scgarage.errors import InputError

__all__ = ["Matrix", "indicator", "shares_expressing", "top_markers", "type_means"]

Matrix: TypeAlias = sparse.csr_matrix | NDArray[np.floating]


def indicator(labels: ArrayLike, types: Sequence[str]) -> sparse.csr_matrix:
    """Return which cells have which type, float64, ``(n_types, n_cells)``.

    Raises
    ------
    InputError
        When a type has no cell.
    """
    names = np.asarray(labels).astype(str)
    codes = {name: row for row, name in enumerate(types)}
    rows = np.array([codes.get(name, -1) for name in names.tolist()], dtype=np.intp)
    cells = np.flatnonzero(rows >= 0)
    shape = (len(types), len(names))
    found = sparse.csr_matrix((np.ones(len(cells)), (rows[cells], cells)), shape=shape)
    absent = [name for name, n_cells in zip(types, found.getnnz(axis=1), strict=True) if not n_cells]
    if absent:
        msg = f"no cell has the type {', '.join(map(repr, absent))}; leave the type out"
        raise InputError(msg)
    return found


def type_means(values: Matrix, labels: ArrayLike, types: Sequence[str]) -> NDArray[np.float64]:
    """Return the mean of each gene in each type, ``(n_types, n_genes)``, in the units of ``values``.

    Parameters
    ----------
    values
        Expression, ``(n_cells, n_genes)``.
    labels
        Type of each cell, ``(n_cells,)``.
    types
        Types to return, in this order.

    Raises
    ------
    InputError
        When a type has no cell.
    """
    members = indicator(labels, types)
    return np.asarray((members @ sparse.csr_matrix(values, dtype=np.float64)).toarray()) / _sizes(members)


def shares_expressing(values: Matrix, labels: ArrayLike, types: Sequence[str]) -> NDArray[np.float64]:
    """Return the share of cells of each type with a value above 0, ``(n_types, n_genes)``, in [0, 1].

    Parameters and errors are those of :func:`type_means`.
    """
    return type_means(sparse.csr_matrix(values) > 0, labels, types)


def top_markers(
    log_expr: Matrix, labels: ArrayLike, types: Sequence[str], *, n_per_type: int = 3
) -> list[NDArray[np.intp]]:
    r"""Return for each type the genes of largest Welch t against all other types, each gene once.

    .. math:: (\bar x_t - \bar x_{\neg t}) / \sqrt{s_t^2 / n_t + s_{\neg t}^2 / n_{\neg t}}

    Parameters
    ----------
    log_expr
        log1p CP10k, ``(n_cells, n_genes)``.
    labels
        Type of each cell, ``(n_cells,)``.
    types
        Types in the order in which they choose.
    n_per_type
        Genes of each type; fewer where the genes run out.

    Raises
    ------
    InputError
        When there are fewer than two types, or a type has no cell.
    """
    if len(types) < 2:
        msg = f"marker genes tell types from each other; found {len(types)} type, expected at least 2"
        raise InputError(msg)
    t = _welch(sparse.csr_matrix(log_expr, dtype=np.float64), indicator(labels, types))
    free = np.ones(t.shape[1], dtype=np.bool_)
    chosen = []
    for row in t:
        genes = np.argsort(np.where(free & (row > 0), -row, np.inf), kind="stable")[:n_per_type]
        genes = genes[free[genes] & (row[genes] > 0)]
        free[genes] = False
        chosen.append(genes)
    return chosen


def _sizes(members: sparse.csr_matrix) -> NDArray[np.float64]:
    return np.asarray(members.sum(axis=1), dtype=np.float64).reshape(-1, 1)


def _welch(values: sparse.csr_matrix, members: sparse.csr_matrix) -> NDArray[np.float64]:
    n = _sizes(members)
    sums = np.asarray((members @ values).toarray())
    squares = np.asarray((members @ values.multiply(values).tocsr()).toarray())
    mean, error = _mean_and_error(n, sums, squares)
    rest_mean, rest_error = _mean_and_error(n.sum() - n, sums.sum(axis=0) - sums, squares.sum(axis=0) - squares)
    spread = np.sqrt(error + rest_error)
    return np.asarray((mean - rest_mean) / np.where(spread > 0, spread, np.inf), dtype=np.float64)


def _mean_and_error(
    n: NDArray[np.float64], sums: NDArray[np.float64], squares: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean = sums / n
    return mean, np.maximum(squares / n - mean**2, 0.0) / np.maximum(n - 1, 1)
