"""What the values of a matrix are, and where else counts lie."""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from anndata import AnnData
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.io.matrix import Matrix, as_matrix, find_values, row_chunks, row_sums, stored_values
from scgarage.schema import UNS_KEY, ValueKind

_MAX_LOG = 30.0
"""log2(x + 1) of a billion is 30: larger values are not logarithms of expression."""

BASES = (math.e, 2.0, 10.0)
"""Bases of logarithms that are looked for."""

_NEARLY_WHOLE = 1e-3
_NOISE = 3e-5
_SAMPLED_CELLS = 1000
_ENOUGH_CELLS = 10
_EQUAL = 0.01
_EQUAL_LOGS = 0.05
_CLEARER = 3.0
_MULTIPLE = 0.05
_UNEQUAL = 1.0
_LEAST_SUM = 50.0
"""Nobody normalises cells to fewer counts."""


What = Literal["counts", "noisy", "fractional", "rounded", "logarithms", "linear", "shares", "scaled", "unclear"]


@dataclass(frozen=True)
class Values:
    """What the values of a matrix are.

    Attributes
    ----------
    kind
        What models can do with them.
    what
        What they are in more detail: ``"noisy"`` are counts up to rounding noise, ``"fractional"`` those of transcript
        quantification or ambient removal, ``"rounded"`` were normalised and then rounded, ``"linear"`` normalised and
        not log-transformed.
    sentence
        The same in words.
    base
        Base of the logarithm, ``None`` when the values are no logarithms or do not tell.
    target_sum
        What the cells add up to, once logarithms are undone; ``None`` when they do not add up to the same.
    known
        Whether the values show what they are, so that no record needs to say it.
    """

    kind: ValueKind
    what: What
    sentence: str
    base: float | None = None
    target_sum: float | None = None
    known: bool = True


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
    """Tell what the values of an expression matrix are.

    - ``"counts"``: non-negative whole numbers, unless all cells have about the same total, or are multiples of one
      large number each, as after normalising and rounding.
    - ``"scaled"``: some values are negative, as after z-scoring, regression or batch correction.
    - ``"log-normalised"``: undone to base e, 2 or 10, all cells have the same total or the values of a cell are
      multiples of its smallest one; or, where neither is so, the totals of the undone values vary no more than those
      of data do and nothing speaks for fractional counts.
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
    return recognise_values(X).kind


def describe_values(X: Any) -> str:
    """Describe the values of an expression matrix in one sentence, for error messages.

    Parameters
    ----------
    X
        Expression matrix, sparse or dense, shape ``(n_cells, n_genes)``.

    Returns
    -------
    A phrase such as ``"non-negative, not whole numbers, maximum 23,456: every cell adds up to 1,000,000: looks like
    linear CPM / TPM; log-transform with sc.pp.log1p"``.

    Raises
    ------
    InputError
        If ``X`` holds NaN or infinite values, or is not a numeric matrix.
    """
    return recognise_values(X).sentence


def recognise_values(X: Any) -> Values:
    """Tell what the values of a matrix are, with base and target sum of logarithms, see :func:`detect_value_kind`."""
    matrix = as_matrix(X)
    summary = _summarise(matrix)
    top = f"maximum {summary.maximum:,.4g}" if summary.maximum < 1e4 else f"maximum {summary.maximum:,.0f}"
    if summary.n_negative:
        found = f"{summary.n_negative:,} negative values, minimum {summary.minimum:,.4g}, {top}"
        return Values("scaled", "scaled", f"{found}: looks scaled (z-scores), regressed or batch-corrected")
    sample = _sample(matrix)
    if summary.n_whole == summary.n_values:
        reason = _rounded_because(sample)
        if reason is None:
            return Values("counts", "counts", f"non-negative whole numbers, {top}: counts")
        said = f'adata.uns["{UNS_KEY}"] = {{"value_kind": "counts"}}'
        advice = f"normalised and then rounded, no counts; use the counts; if they are counts after all, say so: {said}"
        return Values("unknown", "rounded", f"non-negative whole numbers, {top}: {reason}: {advice}")
    return _of_fractions(sample, summary, f"non-negative, not whole numbers, {top}")


def _of_fractions(sample: sp.csr_matrix, summary: _Summary, found: str) -> Values:
    """Tell what non-negative values are that are not all whole."""
    if summary.n_nearly_whole > 0.99 * summary.n_values:
        how = "within 0.001 of whole numbers: counts with rounding noise; sg.pp.prepare (scgarage prepare) rounds them"
        return Values("unknown", "noisy", f"{found}: {how}")
    whole = summary.n_whole / summary.n_values
    scale = _scale(sample, summary)
    if scale is not None and (scale.equal or scale.base is not None or not _whole_in_most_cells(sample)):
        return _normalised(scale, summary, found)
    if whole > 0.01 and _whole_numbers_differ(sample):
        return _fractional(found, f"{whole:.0%} of the values are whole")
    below = _just_below_whole(sample)
    if below is not None:
        return _fractional(found, below)
    if summary.maximum < 1 + _NEARLY_WHOLE:
        how = "between 0 and 1: looks like min-max scaled values or proportions; use the values before that"
        return Values("unknown", "shares", f"{found}: {how}")
    if summary.maximum >= _MAX_LOG:
        how = (
            "the cells have different totals, so these are linear CPM / TPM / RPKM of some of the genes or fractional "
            "counts; log-transform the former with sc.pp.log1p, round the latter with sg.pp.prepare(rounding=) "
            "(scgarage prepare --round)"
        )
        return Values("unknown", "unclear", f"{found}: {how}")
    totals = row_sums(_undone(sample, math.e))
    if np.median(totals) < _LEAST_SUM or _spread(totals) > _UNEQUAL * max(1.0, 1.5 * _spread(row_sums(sample))):
        how = (
            "undone as logarithms, the cells would have totals that are too different or too small, so these may be "
            "fractional counts; round them with sg.pp.prepare(rounding=) (scgarage prepare --round), or say the base: "
            "prepare(log_base=) (--log-base)"
        )
        return Values("unknown", "unclear", f"{found}: {how}")
    how = "looks log-normalised; base and target sum cannot be told from it"
    return Values("log-normalised", "logarithms", f"{found}: {how}", known=False)


def _fractional(found: str, reason: str) -> Values:
    how = (
        f"{reason}, as in fractional counts (from transcript quantification or ambient removal); round them with "
        "sg.pp.prepare(rounding=) (scgarage prepare --round stochastic)"
    )
    return Values("unknown", "fractional", f"{found}: {how}")


def name_of_logarithm(base: float | None, target_sum: float | None) -> str:
    """Return what logarithms are in words.

    Examples
    --------
    >>> name_of_logarithm(2, 1e6)
    'log2(x + 1), 1,000,000 per cell'
    """
    names = {math.e: "natural logarithms, log(x + 1)", 2.0: "log2(x + 1)", 10.0: "log10(x + 1)"}
    name = "logarithms of unknown base" if base is None else names.get(base, f"logarithms of base {base:g} of x + 1")
    return f"{name}, {_about(target_sum)} per cell" if target_sum else f"{name}, target sum not known"


def _about(target: float) -> str:
    power = 10.0 ** round(math.log10(target))
    return f"{power:,.0f}" if abs(target / power - 1) < _EQUAL and power > 1 else f"{target:,.4g}"


# ---------------------------------------------------------------------- evidence


@dataclass(frozen=True)
class _Scale:
    """On which scale values are multiples, or add up to the same in all cells."""

    base: float | None  # None for linear values
    target_sum: float | None
    equal: bool  # the cells have one total
    raw: bool = False  # logarithms of whole numbers, not normalised


def _normalised(scale: _Scale, summary: _Summary, found: str) -> Values:
    """Say what values with a known scale are."""
    if scale.base is not None:
        name = name_of_logarithm(scale.base, scale.target_sum)
        name = name.replace("target sum not known", "not normalised") if scale.raw else name
        how = f"looks log-normalised ({name})"
        return Values("log-normalised", "logarithms", f"{found}: {how}", scale.base, scale.target_sum)
    if scale.equal and scale.target_sum is not None:
        total = f"every cell has the same total, {_about(scale.target_sum)}"
        like = "linear CPM / TPM / RPKM" if summary.maximum >= _MAX_LOG else "normalised"
        how = f"{total}: {like}, not log-transformed; sg.pp.prepare (scgarage prepare) makes counts or logarithms of it"
    else:
        how = (
            "multiples of each cell's smallest value: looks like linear CPM / TPM / RPKM, not log-transformed; "
            "sg.pp.prepare (scgarage prepare) makes counts of it"
        )
    return Values("unknown", "linear", f"{found}: {how}", None, scale.target_sum)


def _sample(X: Matrix) -> sp.csr_matrix:
    """Return up to a thousand cells, evenly spaced, without empty ones, CSR float64."""
    step = max(1, X.shape[0] // _SAMPLED_CELLS)
    rows = sp.csr_matrix(X[::step], dtype=np.float64, copy=True)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    return rows[np.diff(rows.indptr) > 0]


def _undone(rows: sp.csr_matrix, base: float | None) -> sp.csr_matrix:
    """Undo logarithms of one plus a value; linear values (None) stay."""
    if base is None:
        return rows
    undone = rows.copy()
    undone.data = np.expm1(np.minimum(rows.data * math.log(base), 300.0))
    return undone


def _scale(rows: sp.csr_matrix, summary: _Summary) -> _Scale | None:
    """Find the scale on which all cells have one total or the values of a cell are multiples of its smallest."""
    if rows.shape[0] < 2:
        return None
    bases = (None, *BASES) if summary.maximum < 2 * _MAX_LOG else (None,)
    undone = {base: _undone(rows, base) for base in bases}
    for base in bases[1:]:
        if _are_whole(undone[base]):
            return _Scale(base, None, equal=False, raw=True)
    totals = {base: row_sums(values) for base, values in undone.items()}
    multiples = {base: _share_of_multiples(values) for base, values in undone.items()}
    equal = _clearest({base: _spread(values) for base, values in totals.items()}, n_cells=rows.shape[0])
    if equal is not False:
        return _Scale(equal, float(np.median(totals[equal])), equal=True)
    shares = {base: share for base, share in multiples.items() if share is not None}
    if shares:
        best = max(shares, key=lambda name: shares[name])
        if shares[best] > 0.9:
            return _Scale(best, None, equal=False)
    return None


def _clearest(spreads: dict[float | None, float], *, n_cells: int) -> float | Literal[False] | None:
    """Return the scale on which the totals are equal, and clearly more so than on the others; False for none."""
    best = min(spreads, key=lambda name: spreads[name])
    others = [spread for name, spread in spreads.items() if name != best]
    limit = (_EQUAL if best is None else _EQUAL_LOGS) if n_cells >= _ENOUGH_CELLS else _NEARLY_WHOLE
    clear = not others or min(others) > _CLEARER * spreads[best] + 1e-9
    return best if n_cells > 2 and spreads[best] < limit and clear else False


def _spread(totals: NDArray[np.float64]) -> float:
    """Return the range of the middle 80 % of totals, relative to their median."""
    low, middle, high = np.quantile(totals, [0.1, 0.5, 0.9]) if totals.size else (0.0, 1.0, 0.0)
    return float((high - low) / middle)


def _are_whole(rows: sp.csr_matrix) -> bool:
    """Tell whether values are whole numbers up to the precision of float32, of any size that allows to tell."""
    values = rows.data[rows.data < 1e4]
    if values.size < 2 or values.max() < 1.5:
        return False
    gap = np.abs(values - np.rint(values))
    return bool((gap < 1e-3 + 1e-5 * values).mean() > 0.99)


def _share_of_multiples(rows: sp.csr_matrix) -> float | None:
    """Return the share of values that are multiples of their cell's smallest, None where too few tell."""
    smallest = np.minimum.reduceat(rows.data, rows.indptr[:-1])
    ratio = rows.data / np.repeat(smallest, np.diff(rows.indptr))
    ratio = ratio[(ratio > 1.5) & (ratio < 100)]
    if ratio.size < 10:
        return None
    # Half the tolerance at small ratios, where chance and a scale that is off agree most easily with whole numbers.
    near = np.abs(ratio - np.rint(ratio)) < np.minimum(_MULTIPLE, 0.004 * ratio + 0.01)
    return float(near.mean())


def _whole_numbers_differ(rows: sp.csr_matrix) -> bool:
    """Tell whether several whole numbers occur, not only one at which values were clipped."""
    return np.unique(rows.data[rows.data == np.rint(rows.data)]).size > 1


def _whole_in_most_cells(rows: sp.csr_matrix) -> bool:
    """Tell whether most cells hold whole numbers beside others, which one factor for each cell would not make."""
    whole = sp.csr_matrix((rows.data == np.rint(rows.data), rows.indices, rows.indptr), shape=rows.shape)
    share = row_sums(whole) / np.diff(rows.indptr)
    return bool((share > 0).mean() > 0.5 and 0.05 < share.mean() < 1)


def _just_below_whole(rows: sp.csr_matrix) -> str | None:
    """Say that values pile up just below whole numbers, as when some per cent were taken off counts; else None."""
    share = np.mod(rows.data[rows.data < 3.5], 1.0)
    below, above = int((share > 0.9).sum()), int(((share < 0.1) & (rows.data[rows.data < 3.5] > 1)).sum())
    if share.size < 50 or below < 0.1 * share.size or below < 4 * above:
        return None
    below_share, above_share = below / share.size, above / share.size
    return f"{below_share:.0%} of the values lie just below whole numbers and {above_share:.0%} just above"


def _rounded_because(rows: sp.csr_matrix) -> str | None:
    """Say why whole numbers are no counts but normalised values that were rounded; None when they are counts."""
    if rows.shape[0] < _ENOUGH_CELLS:
        return None
    totals = row_sums(rows)
    middle, spread = float(np.median(totals)), _spread(totals)
    most_common = np.unique(totals, return_counts=True)[1].max() / totals.size
    # Totals of counts vary at least as Poisson numbers do, unless cells were thinned to one depth exactly; in real data
    # the middle 80 % span 0.7 of the median and more, in CP10k of cells deeper than that, rounded, 0.2 and less.
    poisson = 2.56 / math.sqrt(middle)
    if most_common < 0.5 and spread < max(0.4 * poisson, 0.2 if _is_power_of_ten(middle) else 0.0):
        return f"every cell has about the same total, {_about(middle)}"
    smallest = np.minimum.reduceat(rows.data, rows.indptr[:-1])
    if np.median(smallest) < 3 or _spread(smallest) < _MULTIPLE:
        return None
    if (share := _share_of_rounded_multiples(rows, smallest)) > 0.8:
        return f"the values of {share:.0%} of the cells are multiples of a number above 2"
    return None


def _is_power_of_ten(total: float) -> bool:
    power = 10.0 ** round(math.log10(total))
    return power >= 1e4 and abs(total / power - 1) < 0.1


def _share_of_rounded_multiples(rows: sp.csr_matrix, smallest: NDArray[np.float64]) -> float:
    """Return the share of cells whose small values are rounded multiples of one number, near their smallest."""
    fits = []
    for row in range(0, rows.shape[0], max(1, rows.shape[0] // 200)):
        values = np.unique(rows.data[rows.indptr[row] : rows.indptr[row + 1]])
        values = values[values < 10 * smallest[row]]
        if values.size < 3 or smallest[row] < 3:
            continue
        unit = smallest[row] + np.linspace(-0.5, 0.5, 41)[:, None]
        fits.append((np.abs(values - np.rint(values / unit) * unit) <= 0.51).all(axis=1).any())
    return float(np.mean(fits)) if len(fits) >= _ENOUGH_CELLS else 0.0


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
        near = (gap < np.minimum(_NEARLY_WHOLE + _NOISE * values, 0.05)) & (values > 0.5)
        n_whole, n_nearly_whole = int(np.count_nonzero(gap == 0)), int(np.count_nonzero(near))
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


_EMPTY = 100.0
"""Median counts of droplets without a cell, at most."""


@dataclass(frozen=True)
class Knee:
    """Where the ranked totals of barcodes fall from those of cells to those of empty droplets.

    Attributes
    ----------
    n_cells
        Barcodes above.
    threshold
        Total counts, between both.
    sentence
        What that means, in words.
    """

    n_cells: int
    threshold: int
    sentence: str


def find_knee(totals: NDArray[np.float64]) -> Knee | None:
    """Find the knee of the barcode ranks of an unfiltered matrix, None where all barcodes may be cells.

    Parameters
    ----------
    totals
        Total counts of each barcode, shape ``(n_cells,)``.

    Returns
    -------
    The knee, if the totals fall at least threefold within a small range of ranks, to a tenth and below 100 in the
    median, and at least a tenth of the barcodes lie beyond.

    Examples
    --------
    >>> find_knee(np.array([2000.0] * 50 + [3.0] * 500)).n_cells
    50
    """
    ranked = np.sort(totals)[::-1]
    n = ranked.size
    ranks = np.arange(3, int(0.9 * n / 1.3))
    if n < 50 or not ranks.size:
        return None
    high = ranked[(ranks / 1.3).astype(int)]
    low = np.maximum(ranked[(ranks * 1.3).astype(int)], 1.0)
    knee = int(ranks[np.argmax(high / low)])
    # The steepest step lies within a third of that rank.
    window = ranked[int(knee / 1.3) : int(knee * 1.3) + 1]
    steps = np.log(np.maximum(window[:-1], 1)) - np.log(np.maximum(window[1:], 1))
    n_cells = int(knee / 1.3) + int(np.argmax(steps)) + 1
    above, below = float(np.median(ranked[:n_cells])), float(np.median(ranked[n_cells:]))
    if (high / low).max() < 3 or below > 0.1 * above or below >= _EMPTY or n - n_cells < 0.1 * n:
        return None
    threshold = math.ceil(math.sqrt(max(ranked[n_cells - 1], 1) * max(ranked[n_cells], 1)))
    threshold = max(threshold, int(ranked[n_cells]) + 1)
    how = f"scgarage prepare --min-counts {threshold} (sg.pp.prepare(min_counts={threshold}))"
    sentence = (
        f"{n - n_cells:,} of {n:,} barcodes have {below:,.0f} counts in the median and the {n_cells:,} others "
        f"{above:,.0f}: this looks like an unfiltered matrix with empty droplets (knee of the barcode ranks at rank "
        f"{n_cells:,}); drop them with {how}"
    )
    return Knee(n_cells, threshold, sentence)


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
