"""What the values of a matrix are, where else counts lie, and how counts come back from logarithms."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from anndata import AnnData
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.io.matrix import Matrix, as_matrix, find_values, row_chunks, row_sums, stored_values
from scgarage.schema import ValueKind

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


def find_alternative(adata: AnnData, kinds: Collection[ValueKind], *, layer: str | None = None) -> str | None:
    """Say which other matrix of a data set holds values of one of the wanted kinds.

    Parameters
    ----------
    adata
        Data set.
    kinds
        Wanted kinds of values, see :func:`scgarage.io.detect_value_kind`.
    layer
        The matrix that is not wanted: a layer, or ``X`` when None.

    Returns
    -------
    A phrase such as ``'adata.layers["counts"] holds counts: pass layer="counts"'``, None when there is no such
    matrix.
    """
    for name, X, remedy in other_matrices(adata, layer):
        try:
            kind = detect_value_kind(X)
        except InputError:
            continue
        if kind in kinds:
            return f"{name} holds {kind if kind == 'counts' else kind + ' values'}: {remedy}"
    return None


def other_matrices(adata: AnnData, layer: str | None) -> Iterator[tuple[str, Any, str]]:
    """Yield name, matrix and the way to use it."""
    for name in adata.layers:
        if name != layer:
            yield f'adata.layers["{name}"]', adata.layers[name], f'pass layer="{name}"'
    if layer is not None and adata.X is not None:
        yield "adata.X", adata.X, "leave layer out"
    if adata.raw is not None:
        yield "adata.raw", adata.raw.X, "use adata.raw.to_adata()"


_FLOAT32_NOISE = 2.0**-22
"""Relative error of a normalised value after a few operations in single precision."""

_CERTAIN = 0.25
"""Noise in counts up to which rounding gives the right count; the factor of the cell is uncertain as well."""

_MAX_EXPONENT = 60.0
_BASES = {"math.e": math.e, "2": 2.0, "10": 10.0}


@dataclass(frozen=True)
class RecoveredCounts:
    """Counts and how well they fit.

    Attributes
    ----------
    counts
        Whole numbers, CSR float64, shape ``(n_cells, n_genes)``.
    max_deviation
        Largest distance of a tested value, in counts, from a whole number.
    n_uncertain
        Number of values so large that rounding of the input leaves the last count open.
    first_uncertain
        Smallest such count, 0 when there is none.
    """

    counts: sp.csr_matrix
    max_deviation: float
    n_uncertain: int
    first_uncertain: int


@dataclass(frozen=True)
class _Rows:
    """Result for a block of cells."""

    counts: NDArray[np.float64]  # (n_stored,)
    deviation: NDArray[np.float64]  # (n_rows,)
    uncertain: NDArray[np.bool_]  # (n_stored,); rounding of the input leaves the last count open
    n_informative: int
    n_tested: int


def counts_from_log_normalised(
    X: Any, *, base: float = math.e, tolerance: float = 0.25, cell_names: Sequence[str] | None = None
) -> RecoveredCounts:
    r"""Recover counts from log-normalised values.

    When :math:`x_{ij} = \log_b(1 + s_i n_{ij})` with counts :math:`n_{ij}` and one factor :math:`s_i` per
    cell, and some gene of the cell has exactly one count, then :math:`s_i = \min_j (b^{x_{ij}} - 1)` over
    the non-zero values and

    .. math:: n_{ij} = (b^{x_{ij}} - 1) / s_i .

    The result is accepted only when these ratios are whole numbers. Each value is tested against
    ``tolerance`` unless the rounding of the input (decimals of a text file, float32) could itself move it
    by more than half of the tolerance, which happens for large counts. The counts that pass give a more
    precise :math:`s_i`, by weighted least squares, and all values of the cell are divided by that and
    rounded. A cell whose smallest count is two or three has values at halves or thirds and is refused, and
    so are averaged, imputed and batch-corrected values and logarithms of another base.

    Parameters
    ----------
    X
        log-normalised values, non-negative, sparse or dense, shape ``(n_cells, n_genes)``.
    base
        Base of the logarithm.
    tolerance
        Largest accepted distance from a whole number, in counts, above 0 and below 0.33.
    cell_names
        Names for error messages; row numbers when None.

    Returns
    -------
    The counts, with the largest deviation.

    Raises
    ------
    InputError
        If a value is negative or not finite, if the values are no logarithms, or if the counts are not
        whole numbers.

    Examples
    --------
    >>> import numpy as np
    >>> counts = np.array([[1, 4, 0], [2, 1, 7]])
    >>> log_expr = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)
    >>> counts_from_log_normalised(log_expr).counts.toarray().astype(int).tolist()
    [[1, 4, 0], [2, 1, 7]]
    """
    _check_arguments(base, tolerance)
    matrix = as_matrix(X)
    _check_values(matrix, base)
    half_step = _half_step(matrix)
    parts, blocks = [], []
    for _, block in row_chunks(matrix):
        rows = _as_rows(block)
        rows.sort_indices()
        part = _recover_rows(rows, base=base, tolerance=tolerance, half_step=half_step)
        parts.append(part)
        blocks.append(sp.csr_matrix((part.counts, rows.indices, rows.indptr), shape=rows.shape))
    _check_fit(parts, matrix, base=base, tolerance=tolerance, cell_names=cell_names)
    open_counts = np.concatenate([part.counts[part.uncertain] for part in parts])
    return RecoveredCounts(
        counts=sp.csr_matrix(sp.vstack(blocks, format="csr")),
        max_deviation=float(max(part.deviation.max(initial=0.0) for part in parts)),
        n_uncertain=open_counts.size,
        first_uncertain=int(open_counts.min(initial=np.inf)) if open_counts.size else 0,
    )


def _check_arguments(base: float, tolerance: float) -> None:
    if not base > 1:
        msg = f"base={base!r} is not the base of a logarithm; pass a number above 1, such as math.e, 2 or 10"
        raise InputError(msg)
    if not 0 < tolerance < 0.33:
        msg = f"tolerance={tolerance!r} must lie above 0 and below 0.33: at a third, a smallest count of 3 would pass"
        raise InputError(msg)


def _check_values(X: Matrix, base: float) -> None:
    """Refuse values that cannot be logarithms of non-negative numbers."""
    if 0 in X.shape:
        msg = f"the matrix has shape {X.shape}; at least one cell and one gene are expected"
        raise InputError(msg)
    n_bad, _ = find_values(X, lambda values: ~(values >= 0) | np.isinf(values))
    if n_bad:
        msg = f"{n_bad:,} values are negative, NaN or infinite; log-normalised values are finite and not negative"
        raise InputError(msg)
    n_large, _ = find_values(X, lambda values: values * math.log(base) > _MAX_EXPONENT)
    if n_large:
        msg = f"{n_large:,} values are too large for logarithms; log-transform linear values (CPM, TPM) first"
        raise InputError(msg)


def _half_step(X: Matrix) -> float:
    """Return half of the decimal step to which the values were rounded, 0 when they were not."""
    values = stored_values(X)
    sample = values[:: max(1, values.size // 100_000)]
    sample = sample[sample > 0].astype(values.dtype if values.dtype.kind == "f" else np.float64)
    if not sample.size:
        return 0.0
    resolution = np.spacing(sample).astype(np.float64)
    for decimals in range(1, 6):
        scaled = sample.astype(np.float64) * 10.0**decimals
        if np.median(resolution) * 10.0**decimals > 0.05:
            break  # a step this fine cannot be told from the number format
        if np.all(np.abs(scaled - np.rint(scaled)) <= resolution * 10.0**decimals):
            return float(0.5 * 10.0**-decimals)
    return 0.0


def _as_rows(block: Matrix) -> sp.csr_matrix:
    rows = sp.csr_matrix(block, dtype=np.float64, copy=True)
    rows.eliminate_zeros()
    return rows


def _recover_rows(rows: sp.csr_matrix, *, base: float, tolerance: float, half_step: float) -> _Rows:
    """Recover the counts of a block of cells, with the deviation of the values that can be tested."""
    n_rows = rows.shape[0]
    cell = np.repeat(np.arange(n_rows), np.diff(rows.indptr))  # (n_stored,)
    values = np.expm1(rows.data * math.log(base))
    step = np.maximum(half_step, np.spacing(rows.data.astype(np.float32)).astype(np.float64))
    noise = (1 + values) * math.log(base) * step + values * _FLOAT32_NOISE
    unit, unit_noise = _row_minimum(values, rows.indptr), _row_minimum(noise, rows.indptr)

    ratio = values / unit[cell]
    tested = noise / unit[cell] + ratio * (unit_noise / unit)[cell] <= tolerance / 2
    deviation = np.where(tested, np.abs(ratio - np.rint(ratio)), 0.0)
    refined = _refined_unit(values, np.rint(ratio), noise, use=tested | (ratio == 1), cell=cell, unit=unit)
    noise = noise / refined[cell]
    ratio = values / refined[cell]
    counts = np.rint(ratio)
    deviation = np.maximum(deviation, np.where(noise <= tolerance / 2, np.abs(ratio - counts), 0.0))
    return _Rows(
        counts=counts,
        deviation=_row_maximum(deviation, cell, n_rows),
        uncertain=noise > _CERTAIN,
        n_informative=int((counts > 1).sum()),
        n_tested=int(((counts > 1) & tested).sum()),
    )


def _refined_unit(
    values: NDArray[np.float64],
    counts: NDArray[np.float64],
    noise: NDArray[np.float64],
    *,
    use: NDArray[np.bool_],
    cell: NDArray[np.intp],
    unit: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Fit ``values = unit * counts`` in each cell by weighted least squares, shape ``(n_rows,)``."""
    weights = np.where(use, counts / noise**2, 0.0)
    n_rows = unit.size
    products = np.bincount(cell, weights * values, minlength=n_rows)
    squares = np.bincount(cell, weights * counts, minlength=n_rows)
    return np.divide(products, squares, out=unit.copy(), where=squares > 0)


def _row_minimum(values: NDArray[np.float64], indptr: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the smallest stored value of each row, 1 for a row without any, shape ``(n_rows,)``."""
    minimum = np.ones(indptr.size - 1)
    filled = np.diff(indptr) > 0
    if filled.any():
        minimum[filled] = np.minimum.reduceat(values, indptr[:-1][filled])
    return minimum


def _row_maximum(values: NDArray[np.float64], cell: NDArray[np.intp], n_rows: int) -> NDArray[np.float64]:
    maximum = np.zeros(n_rows)
    np.maximum.at(maximum, cell, values)
    return maximum


def _check_fit(
    parts: list[_Rows], X: Matrix, *, base: float, tolerance: float, cell_names: Sequence[str] | None
) -> None:
    """Refuse values that are not whole numbers of counts, or are too coarse to tell."""
    deviation = np.concatenate([part.deviation for part in parts])
    n_informative, n_tested = (sum(getattr(part, name) for part in parts) for name in ("n_informative", "n_tested"))
    if n_informative and not n_tested:
        msg = "the values are rounded too coarsely to tell whether they come from counts; use more decimals"
        raise InputError(msg)
    n_failed = int((deviation > tolerance).sum())
    if not n_failed:
        return
    worst = int(deviation.argmax())
    name = repr(cell_names[worst]) if cell_names is not None else f"number {worst} (counted from 0)"
    msg = (
        "the values are not log-normalised counts: with the smallest non-zero value of a cell taken as one "
        f"count, {n_failed:,} of {deviation.size:,} cells have values further than {tolerance:g} from a "
        f"whole number (largest deviation {deviation[worst]:.2f}, cell {name}); "
        f"{_advice(X, base, tolerance, deviation)}"
    )
    raise InputError(msg)


def _advice(X: Matrix, base: float, tolerance: float, deviation: NDArray[np.float64]) -> str:
    """Say what would help: another base, dropping a few cells, or other values."""
    _, block = next(row_chunks(X, max_values=2**20))
    rows, half_step = _as_rows(block), _half_step(block)
    for name, other in _BASES.items():
        if not math.isclose(other, base):
            part = _recover_rows(rows, base=other, tolerance=tolerance, half_step=half_step)
            if part.n_tested and (part.deviation <= tolerance).all():
                return f"the values do fit base={name}"
    if (deviation > tolerance).mean() < 0.2:
        return "in these cells no gene may have exactly one count; leave them out, or pass the original counts"
    return (
        "averaged, imputed, batch-corrected or otherwise changed values cannot be turned back into counts; "
        "pass the original counts"
    )
