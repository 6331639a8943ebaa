"""Counts behind log-normalised values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.io.matrix import Matrix, as_matrix, find_values, row_chunks, stored_values

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
