"""Exact copies of training cells, found by hashing rows."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError

__all__ = ["exact_copies", "row_hashes"]

DECIMALS = 3
"""Digits that two log-normalised values must share: rounding to float32 must not hide a copy."""


def exact_copies(cells: sparse.csr_matrix, train: sparse.csr_matrix) -> NDArray[np.intp]:
    """Return for each cell the training cell that it equals in every gene.

    Rows are compared by a hash; every match is checked value by value.

    Parameters
    ----------
    cells
        Counts, or log1p CP10k to :data:`DECIMALS` decimals, (n_cells, n_genes).
    train
        The same of the training cells, (n_train, n_genes).

    Returns
    -------
    numpy.ndarray
        Row of the first equal training cell, -1 for a cell that equals none, (n_cells,). A cell without any
        count equals nothing: it carries no information about anybody.

    Raises
    ------
    InputError
        If the numbers of genes differ.

    Examples
    --------
    >>> train = sparse.csr_matrix([[0, 2, 1], [3, 0, 0], [0, 0, 0]])
    >>> exact_copies(sparse.csr_matrix([[3, 0, 0], [3, 0, 1], [0, 0, 0]]), train).tolist()
    [1, -1, -1]
    """
    if cells.shape[1] != train.shape[1]:
        msg = f"the cells have {cells.shape[1]} genes and the training cells {train.shape[1]}; they must be the same"
        raise InputError(msg)
    scale = 1.0 if _is_whole(cells) and _is_whole(train) else 10.0**DECIMALS
    whole_cells, whole_train = _in_units(cells, scale), _in_units(train, scale)
    hashes, first = np.unique(row_hashes(whole_train), return_index=True)
    wanted = row_hashes(whole_cells)
    matches = np.full(cells.shape[0], -1, dtype=np.intp)
    if not len(hashes):
        return matches
    place = np.minimum(np.searchsorted(hashes, wanted), len(hashes) - 1)
    found = np.flatnonzero((hashes[place] == wanted) & (np.diff(whole_cells.indptr) > 0))
    rows = first[place[found]]
    differ = (whole_cells[found] - whole_train[rows]).getnnz(axis=1)
    matches[found[differ == 0]] = rows[differ == 0]
    return matches


def row_hashes(values: sparse.csr_matrix) -> NDArray[np.uint64]:
    r"""Return a 64-bit hash of each row of whole numbers.

    .. math:: h_i = \sum_j a_j c_{ij} \bmod 2^{64}

    with fixed random :math:`a_j`, so the order in which a sparse row stores its entries does not matter.

    Parameters
    ----------
    values
        Whole numbers, (n_cells, n_genes).

    Returns
    -------
    numpy.ndarray
        Hashes, uint64, (n_cells,).
    """
    factors = np.random.default_rng(0).integers(0, 2**64, size=values.shape[1], dtype=np.uint64) | np.uint64(1)
    terms = values.data.astype(np.int64).astype(np.uint64) * factors[values.indices]
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(terms, dtype=np.uint64)])
    # Both sums wrap round, so their difference is right.
    return np.asarray(sums[values.indptr[1:]] - sums[values.indptr[:-1]], dtype=np.uint64)


def _is_whole(values: sparse.csr_matrix) -> bool:
    return bool(np.array_equal(values.data, np.rint(values.data)))


def _in_units(values: sparse.csr_matrix, scale: float) -> sparse.csr_matrix:
    """Return whole numbers in a form of which equal rows have only one."""
    numbers = np.rint(values.data * scale).astype(np.int64)
    whole = sparse.csr_matrix((numbers, values.indices, values.indptr), values.shape, copy=True)
    whole.sum_duplicates()
    whole.eliminate_zeros()
    return whole
