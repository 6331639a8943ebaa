"""A file as it was found made fit for every other command, with a list of what was done."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from anndata import AnnData

from scgarage.errors import InputError, examples
from scgarage.io.cells import expression_matrix, read_cells, validate_expression, validate_labels
from scgarage.io.matrix import as_matrix, compact, row_sums
from scgarage.io.tables import MISSING, as_text_labels
from scgarage.io.values import (
    RecoveredCounts,
    counts_from_log_normalised,
    describe_values,
    detect_value_kind,
    find_alternative,
    other_matrices,
)
from scgarage.schema import COUNTS_LAYER, UNS_KEY, UNSURE


def recover_counts(
    adata: AnnData, *, layer: str | None = None, use_raw: bool = False, base: float = math.e, tolerance: float = 0.25
) -> AnnData:
    """Recover the counts behind log-normalised values.

    The smallest non-zero value of a cell is taken as one count; the rest follows, and is accepted only when
    it comes out as whole numbers, see :func:`scgarage.io.counts_from_log_normalised`. Any factor per cell
    is allowed (CP10k, CPM, median depth, scran), and any selection of genes that leaves each cell a gene
    with one count.

    Parameters
    ----------
    adata
        Data set with log-normalised values; it is not changed.
    layer
        Layer to use, ``X`` when None.
    use_raw
        Whether to use ``adata.raw``, whose genes then replace those of ``adata``.
    base
        Base of the logarithm: ``math.e`` for ``sc.pp.log1p``, 2 for scran and scater.
    tolerance
        Largest accepted distance from a whole number, in counts.

    Returns
    -------
    New data set, shape ``(n_cells, n_genes)``, with

    ``X`` and ``layers["counts"]``
        Counts, CSR float32 (float64 when counts exceed 2**24).
    ``uns["scgarage"]``
        ``value_kind`` "counts" and ``recovered``: the base and the largest deviation from a whole number.

    The record of the logarithm in ``uns["log1p"]`` is left out; everything else is copied.

    Raises
    ------
    InputError
        If the values are counts already, hold negative values, or are no log-normalised counts.

    Warns
    -----
    UserWarning
        If the input is rounded so that large counts are known only approximately.

    Examples
    --------
    >>> import anndata, numpy as np, scanpy as sc
    >>> adata = anndata.AnnData(np.array([[1.0, 4.0, 0.0], [2.0, 1.0, 7.0]]))
    >>> sc.pp.normalize_total(adata, target_sum=1e4)
    >>> sc.pp.log1p(adata)
    >>> recover_counts(adata).X.toarray().astype(int).tolist()
    [[1, 4, 0], [2, 1, 7]]
    """
    source = _source(adata, layer=layer, use_raw=use_raw)
    layer = None if use_raw else layer
    cells = read_cells(source, layer=layer)
    X, kind = cells.matrix, cells.kind
    if kind in ("counts", "scaled"):
        hint = find_alternative(adata, ["log-normalised", "counts"], layer=layer) if kind == "scaled" else None
        reason = "they are counts already" if kind == "counts" else "expected: log-normalised values"
        msg = f"no counts can be recovered ({describe_values(X)}): {reason}{f'; {hint}' if hint else ''}"
        raise InputError(msg)
    found = counts_from_log_normalised(X, base=base, tolerance=tolerance, cell_names=list(source.obs_names))
    _warn_if_uncertain(found)
    return _with_counts(source, found, base)


def _source(adata: AnnData, *, layer: str | None, use_raw: bool) -> AnnData:
    """Return the data set whose ``X`` or layer is to be used."""
    if not use_raw:
        return adata
    if adata.raw is None:
        msg = "adata.raw is empty; leave use_raw out"
        raise InputError(msg)
    if layer is not None:
        msg = f"both use_raw=True and layer={layer!r} are given; adata.raw has no layers: pass one of the two"
        raise InputError(msg)
    return adata.raw.to_adata()


def _warn_if_uncertain(found: RecoveredCounts) -> None:
    if found.n_uncertain:
        msg = (
            f"{found.n_uncertain:,} counts, the smallest of them {found.first_uncertain:,}, may be off by "
            "one or more, because the values are rounded"
        )
        warnings.warn(msg, UserWarning, stacklevel=3)


def _with_counts(source: AnnData, found: RecoveredCounts, base: float) -> AnnData:
    """Copy a data set with other values."""
    counts = compact(found.counts)
    recovered = source.copy()
    recovered.X = sp.csr_matrix(counts)
    recovered.layers[COUNTS_LAYER] = recovered.X.copy()
    recovered.uns.pop("log1p", None)
    record = recovered.uns.get(UNS_KEY)
    recovered.uns[UNS_KEY] = {
        **(record if isinstance(record, Mapping) else {}),
        "value_kind": "counts",
        "recovered": {"base": float(base), "max_deviation": found.max_deviation},
    }
    return recovered


def prepare(adata: AnnData, *, labels_key: str | None = None, layer: str | None = None) -> AnnData:
    r"""Make a data set fit for use: put right what has one right way, and say what was done.

    - Values: counts if there are any. Where ``X`` holds something else, they are taken from a layer or ``raw``, or
      recovered from log-normalised values; log-normalised values of which no counts can be recovered are kept.
    - Names of cells and genes that occur more than once are numbered.
    - Cells without a label are dropped (missing, empty, ``"NA"``, ``"nan"``, or the reserved ``"unsure"``), and cells
      without expression.

    What has no one right way is refused as everywhere: NaN, values that are neither counts nor logarithms.

    Parameters
    ----------
    adata
        Data set in memory, shape ``(n_cells, n_genes)``. Not changed.
    labels_key
        Column of ``obs`` with the cell types; ``None`` looks at no labels.
    layer
        Layer to take the values from, instead of those found.

    Returns
    -------
    New data set with the values in ``X`` and, in ``uns["scgarage"]["prepared"]``, one sentence for each thing that was
    done; everything else is copied.

    Raises
    ------
    InputError
        If the column or the layer is missing, nothing is left, or the values cannot be used.

    Examples
    --------
    >>> import anndata, numpy as np, pandas as pd
    >>> obs = pd.DataFrame({"cell_type": ["T", None, "B", "B"]}, index=["c1", "c2", "c3", "c4"])
    >>> found = anndata.AnnData(np.array([[1.0, 0.0], [2.0, 1.0], [0.0, 5.0], [0.0, 0.0]]), obs=obs)
    >>> cells = prepare(found, labels_key="cell_type")
    >>> print(*cells.uns["scgarage"]["prepared"], sep="\n")
    1 of 4 cells have no label in 'cell_type' and were dropped (first: 'c2')
    1 of 3 cells have no expression and were dropped (first: 'c4')
    """
    done: list[str] = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(Variable|Observation) names are not unique")  # mended here
        cells = _with_values(adata, layer, done)
    _number_names(cells, done)
    if labels_key is not None:
        cells = _labelled(cells, labels_key, done)
    silent = row_sums(expression_matrix(cells)) == 0
    cells = _without(cells, silent, "have no expression", done)
    kind = validate_expression(cells, warn_silent_genes=False)
    if kind == "counts":
        cells.uns.pop("log1p", None)  # speaks of the values that were there before
    if labels_key is not None:
        validate_labels(cells, labels_key, min_cells_per_type=1)
    record = cells.uns.get(UNS_KEY)
    known: dict[str, Any] = dict(record) if isinstance(record, Mapping) else {}
    cells.uns[UNS_KEY] = {**known, "value_kind": kind, "prepared": done}
    return cells


def _with_values(adata: AnnData, layer: str | None, done: list[str]) -> AnnData:
    """Copy the data set with the best values that it has in ``X``."""
    if layer is not None:
        cells = adata.copy()
        cells.X = compact(expression_matrix(adata, layer)).copy()
        done.append(f"the values were taken from layer '{layer}'")
        return cells
    kind = "unknown" if adata.X is None else detect_value_kind(as_matrix(adata.X, what="adata.X"))
    if kind == "counts":
        return adata.copy()
    for wanted in ("counts", "log-normalised"):
        for name, X, _ in other_matrices(adata, None):
            if kind != wanted and _kind(X) == wanted:
                noun = "counts" if wanted == "counts" else "log-normalised values"
                described = "nothing" if adata.X is None else describe_values(adata.X)
                cells = adata.raw.to_adata() if name == "adata.raw" else adata.copy()
                cells.X = compact(as_matrix(X, what=name)).copy()
                done.append(f"{noun} were taken from {name}; in X: {described}")
                return cells if wanted == "counts" else _recovered(cells, done)
        if kind == "log-normalised":
            return _recovered(adata.copy(), done)
    return adata.copy()  # refused in the end, unless its record says that these are logarithms


def _kind(X: Any) -> str:
    try:
        return detect_value_kind(X)
    except InputError:
        return "unknown"


def _recovered(cells: AnnData, done: list[str]) -> AnnData:
    try:
        counts = recover_counts(cells)
    except InputError:
        done.append("the values stay log-normalised: no counts can be recovered from them")
        return cells
    done.append("the counts were recovered from the log-normalised values")
    return counts


def _number_names(cells: AnnData, done: list[str]) -> None:
    """Make names unique, in place."""
    for noun, names, number in (
        ("cell", cells.obs_names, cells.obs_names_make_unique),
        ("gene", cells.var_names, cells.var_names_make_unique),
    ):
        repeated = names[names.duplicated()].unique()
        if len(repeated):
            number()
            done.append(f"repeated {noun} names were numbered: {examples(repeated)}")


def _labelled(cells: AnnData, labels_key: str, done: list[str]) -> AnnData:
    """Turn labels into text and drop the cells without."""
    if labels_key not in cells.obs:
        validate_labels(cells, labels_key)  # says which columns there are
    labels = as_text_labels(cells.obs[labels_key])
    missing = labels.isna().to_numpy() | labels.isin([*MISSING, UNSURE]).to_numpy()
    cells.obs[labels_key] = labels
    left = _without(cells, missing, f"have no label in '{labels_key}'", done)
    if hasattr(left.obs[labels_key], "cat"):
        left.obs[labels_key] = left.obs[labels_key].cat.remove_unused_categories()
    return left


def _without(cells: AnnData, dropped: "np.ndarray[Any, np.dtype[np.bool_]]", why: str, done: list[str]) -> AnnData:
    """Drop cells, unless that were all."""
    if not dropped.any():
        return cells
    first = cells.obs_names[np.flatnonzero(dropped)[0]]
    found = f"{int(dropped.sum()):,} of {cells.n_obs:,} cells {why}"
    if dropped.all():
        msg = f"{found}: nothing would be left"
        raise InputError(msg)
    done.append(f"{found} and were dropped (first: '{first}')")
    return cells[~dropped].copy()
