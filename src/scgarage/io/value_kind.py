"""What the values of an expression matrix are: counts, log-normalised, scaled or none of these."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.io.matrix import Matrix, as_matrix, find_values, row_chunks, row_sums, stored_values
from scgarage.schema import ValueKind

__all__ = ["describe_values", "detect_value_kind"]

_MAX_LOG = 30.0
"""log2(x + 1) of a billion is 30: larger values are not logarithms of expression."""

_NEARLY_WHOLE = 1e-3
_SAME_TOTAL = 1e-3
_MULTIPLE = 0.05


@dataclass(frozen=True)
class _Summary:
    """Totals over the non-zero values of a matrix."""

    n_values: int
    n_whole: int
    n_nearly_whole: int
    n_negative: int
    minimum: float
    maximum: float


def detect_value_kind(X: Any) -> ValueKind:
    """Tell what the values of an expression matrix are, from all of its non-zero values.

    - ``"counts"``: non-negative whole numbers.
    - ``"scaled"``: some values are negative, as after z-scoring, regression or batch correction.
    - ``"log-normalised"``: non-negative, mostly not whole, maximum between 1 and 30, and not linear values of
      shallow data: cells do not all have the same total, and the values of a cell are not multiples of
      its smallest one.
    - ``"unknown"``: anything else, such as RPKM or CPM that were not log-transformed, fractional counts, or
      values between 0 and 1. :func:`describe_values` says which.

    Parameters
    ----------
    X
        Expression matrix, sparse or dense, shape ``(n_cells, n_genes)``.

    Returns
    -------
    One of the four names above.

    Raises
    ------
    InputError
        If ``X`` holds NaN or infinite values, or is not a numeric matrix.

    Examples
    --------
    >>> import numpy as np
    >>> detect_value_kind(np.array([[0, 3], [1, 0]]))
    'counts'
    >>> detect_value_kind(np.log1p(np.array([[0, 3], [1, 7]])))
    'log-normalised'
    """
    return _classify(as_matrix(X))[0]


def describe_values(X: Any) -> str:
    """Describe the values of an expression matrix in one sentence, for error messages.

    Parameters
    ----------
    X
        Expression matrix, sparse or dense, shape ``(n_cells, n_genes)``.

    Returns
    -------
    A phrase such as ``"non-negative, not whole numbers, maximum 23,456: looks like linear CPM / TPM / RPKM;
    log-transform with sc.pp.log1p"``.

    Raises
    ------
    InputError
        If ``X`` holds NaN or infinite values, or is not a numeric matrix.
    """
    return _classify(as_matrix(X))[1]


def _classify(X: Matrix) -> tuple[ValueKind, str]:
    """Return the kind of the values and a sentence about them."""
    summary = _summarise(X)
    top = f"maximum {summary.maximum:,.4g}" if summary.maximum < 1e4 else f"maximum {summary.maximum:,.0f}"
    if summary.n_negative:
        found = f"{summary.n_negative:,} negative values, minimum {summary.minimum:,.4g}, {top}"
        return "scaled", f"{found}: looks scaled (z-scores), regressed or batch-corrected"
    if summary.n_whole == summary.n_values:
        return "counts", f"non-negative whole numbers, {top}: counts"
    unusual = _unusual(X, summary)
    found = f"non-negative, not whole numbers, {top}"
    if unusual is not None:
        return "unknown", f"{found}: {unusual}"
    return "log-normalised", f"{found}: looks log-normalised"


def _unusual(X: Matrix, summary: _Summary) -> str | None:
    """Say what non-negative values that are not all whole are, None when they look log-normalised."""
    whole = summary.n_whole / summary.n_values
    if summary.n_nearly_whole > 0.99 * summary.n_values:
        return "within 0.001 of whole numbers: counts with rounding noise; round them with np.rint"
    if whole > 0.5:
        fractional = "fractional counts (from transcript quantification or ambient removal); round them with np.rint"
        return f"{whole:.0%} of the values are whole, as in {fractional}"
    if summary.maximum < 1 + _NEARLY_WHOLE:
        return "between 0 and 1: looks like min-max scaled values or proportions; use the values before that"
    if summary.maximum >= _MAX_LOG:
        return "looks like linear CPM / TPM / RPKM; log-transform with sc.pp.log1p"
    if _same_totals(X):
        return "every cell has the same total: normalised and not log-transformed; use sc.pp.log1p"
    if _multiples_of_smallest(X):
        return "multiples of each cell's smallest value: normalised and not log-transformed; use sc.pp.log1p"
    return None


def _summarise(X: Matrix) -> _Summary:
    """Pass once over the non-zero values."""
    parts = []
    for _, block in row_chunks(X):
        values = stored_values(block)
        values = values[values != 0]
        if not np.isfinite(values).all():
            _refuse_not_finite(X)
        if values.size:
            parts.append(_summarise_block(values))
    if not parts:
        return _Summary(0, 0, 0, 0, 0.0, 0.0)
    return _Summary(
        n_values=sum(part.n_values for part in parts),
        n_whole=sum(part.n_whole for part in parts),
        n_nearly_whole=sum(part.n_nearly_whole for part in parts),
        n_negative=sum(part.n_negative for part in parts),
        minimum=min(part.minimum for part in parts),
        maximum=max(part.maximum for part in parts),
    )


def _summarise_block(values: NDArray[Any]) -> _Summary:
    """Return the summary of some non-zero values, shape ``(n,)``."""
    if values.dtype.kind in "iu":
        n_whole = n_nearly_whole = values.size
    else:
        gap = np.abs(values - np.rint(values))
        n_whole, n_nearly_whole = int(np.count_nonzero(gap == 0)), int(np.count_nonzero(gap < _NEARLY_WHOLE))
    n_negative = int(np.count_nonzero(values < 0))
    return _Summary(values.size, n_whole, n_nearly_whole, n_negative, float(values.min()), float(values.max()))


def _refuse_not_finite(X: Matrix) -> None:
    """Raise the error that says how many values are NaN or infinite."""
    n_nan, _ = find_values(X, np.isnan)
    n_bad, first = find_values(X, lambda values: ~np.isfinite(values))
    row, column = first or (0, 0)
    msg = (
        f"the matrix holds {n_nan:,} NaN and {n_bad - n_nan:,} infinite values, the first in row {row}, "
        f"column {column} (counted from 0); every value must be a finite number: remove or replace them"
    )
    raise InputError(msg)


def _same_totals(X: Matrix) -> bool:
    """Tell whether all cells with any expression have one total, as after normalising all genes."""
    totals = row_sums(X)
    totals = totals[totals > 0]
    return bool(totals.size > 2 and np.ptp(totals) < _SAME_TOTAL * totals.mean())


def _multiples_of_smallest(X: Matrix) -> bool:
    """Tell whether the values of a cell are multiples of its smallest, as in counts / size factor."""
    n_near = n_informative = 0
    for _, block in row_chunks(X):
        rows = sp.csr_matrix(block, dtype=np.float64)
        rows.eliminate_zeros()
        n_stored = np.diff(rows.indptr)
        if rows.nnz == 0:
            continue
        smallest = np.minimum.reduceat(rows.data, rows.indptr[:-1][n_stored > 0])
        ratio = rows.data / np.repeat(smallest, n_stored[n_stored > 0])
        ratio = ratio[ratio > 1.5]
        n_informative += ratio.size
        n_near += int(np.count_nonzero(np.abs(ratio - np.rint(ratio)) < _MULTIPLE))
    return n_informative >= 10 and n_near > 0.9 * n_informative
