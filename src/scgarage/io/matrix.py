"""The form in which scgarage holds an expression matrix: cells x genes, as CSR or as a dense array."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from scgarage.errors import InputError

Matrix: TypeAlias = sp.csr_matrix | NDArray[Any]

_CHUNK_VALUES = 2**22
_LARGEST_WHOLE_FLOAT32 = 2**24


def as_matrix(X: Any, *, what: str = "X") -> Matrix:
    """Return ``X`` as a CSR matrix or a two-dimensional array of real numbers.

    Nothing is copied when ``X`` has one of these forms already.

    Parameters
    ----------
    X
        Any SciPy sparse matrix or array, NumPy array or data frame, shape ``(n_cells, n_genes)``.
    what
        How an error message calls ``X``.

    Returns
    -------
    ``scipy.sparse.csr_matrix`` for sparse input, ``numpy.ndarray`` otherwise, shape ``(n_cells, n_genes)``.

    Raises
    ------
    InputError
        If ``X`` is missing, is held on disk or by another library, is not two-dimensional or is not numeric.
    """
    if X is None:
        msg = f"{what} is empty (None); a matrix of shape (n_cells, n_genes) is expected"
        raise InputError(msg)
    if isinstance(X, pd.DataFrame):
        X = X.to_numpy()
    is_sparse = bool(sp.issparse(X))
    if not is_sparse and not isinstance(X, np.ndarray):
        msg = (
            f"{what} is a {type(X).__module__}.{type(X).__name__}; a SciPy sparse matrix or a NumPy array is "
            "expected; load the data into memory first, with adata.to_memory()"
        )
        raise InputError(msg)
    if X.ndim != 2 or X.dtype.kind not in "biuf":
        msg = f"{what} has shape {X.shape} and dtype {X.dtype}; a numeric matrix (n_cells, n_genes) is expected"
        raise InputError(msg)
    if X.dtype.kind == "b" or X.dtype == np.float16:
        X = X.astype(np.float32)
    if is_sparse:
        return X if isinstance(X, sp.csr_matrix) else sp.csr_matrix(X)
    return np.asarray(X)


def row_chunks(X: Matrix, *, max_values: int = _CHUNK_VALUES) -> Iterator[tuple[int, Matrix]]:
    """Yield ``(first row, rows)`` blocks of ``X`` that hold about ``max_values`` stored values each."""
    n_rows = X.shape[0]
    n_values = X.nnz if isinstance(X, sp.csr_matrix) else X.size
    step = max(1, max_values * n_rows // max(n_values, 1))
    for start in range(0, n_rows, step):
        yield start, X[start : start + step]


def stored_values(X: Matrix) -> NDArray[Any]:
    """Return the values that ``X`` stores, shape ``(n_stored,)``: all of a dense ``X``, non-zeros of CSR."""
    return X.data if isinstance(X, sp.csr_matrix) else X.reshape(-1)


def dense(X: Matrix) -> NDArray[Any]:
    """Return ``X`` as an array, of the same dtype."""
    return X.toarray() if sp.issparse(X) else np.asarray(X)


def row_sums(X: Matrix) -> NDArray[np.float64]:
    """Return the total of each cell in double precision, shape ``(n_cells,)``."""
    totals = [_double(block).sum(axis=1) for _, block in row_chunks(X)]
    return np.concatenate([np.zeros(0), *(np.asarray(part).reshape(-1) for part in totals)])


def column_sums(X: Matrix) -> NDArray[np.float64]:
    """Return the total of each gene in double precision, shape ``(n_genes,)``."""
    totals = np.zeros(X.shape[1])
    for _, block in row_chunks(X):
        totals += np.asarray(_double(block).sum(axis=0)).reshape(-1)
    return totals


def _double(block: Matrix) -> Matrix:
    """Convert before adding: SciPy adds in the matrix's own precision, whatever dtype its sum is given."""
    return block.astype(np.float64)


def find_values(X: Matrix, test: Callable[[NDArray[Any]], NDArray[np.bool_]]) -> tuple[int, tuple[int, int] | None]:
    """Count the stored values for which ``test`` holds and find the first, cell by cell."""
    n_found = 0
    first: tuple[int, int] | None = None
    for start, block in row_chunks(X):
        found = np.flatnonzero(test(stored_values(block)))
        n_found += found.size
        if first is None and found.size:
            row, column = _position(block, int(found[0]))
            first = (start + row, column)
    return n_found, first


def compact(X: Matrix) -> Matrix:
    """Return ``X`` in the form in which :func:`scgarage.io.read` hands it out."""
    dtype = _value_dtype(X)
    if isinstance(X, sp.csr_matrix):
        if X.dtype == dtype and X.has_sorted_indices and np.count_nonzero(X.data) == X.data.size:
            return X
        # Copied, because memory that came from another library may be read-only.
        same = sp.csr_matrix((X.data.astype(dtype), X.indices.copy(), X.indptr.copy()), shape=X.shape)
        same.eliminate_zeros()
        same.sort_indices()
        return same
    if 2 * np.count_nonzero(X) >= X.size:
        return np.ascontiguousarray(X, dtype=dtype)
    return sp.csr_matrix(sp.vstack([sp.csr_matrix(block, dtype=dtype) for _, block in row_chunks(X)], format="csr"))


def _position(block: Matrix, index: int) -> tuple[int, int]:
    """Return the (row, column) of the stored value number ``index``."""
    if isinstance(block, sp.csr_matrix):
        return int(np.searchsorted(block.indptr, index, side="right")) - 1, int(block.indices[index])
    return index // block.shape[1], index % block.shape[1]


def _value_dtype(X: Matrix) -> type[np.float32] | type[np.float64]:
    """Return float64 when ``X`` holds whole numbers that float32 would change, float32 otherwise."""
    for _, block in row_chunks(X):
        values = stored_values(block)
        large = values[np.abs(values) > _LARGEST_WHOLE_FLOAT32]
        if large.size and np.any((large == np.rint(large)) & (large != large.astype(np.float32))):
            return np.float64
    return np.float32
