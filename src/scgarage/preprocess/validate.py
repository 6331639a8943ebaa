"""Checks of input at the public boundary: expression values and gene names; labels are in ``labels.py``."""

import warnings
from collections.abc import Collection, Mapping
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from anndata import AnnData

from scgarage.errors import InputError
from scgarage.io.alternatives import find_alternative
from scgarage.io.gene_names import explain_mismatch
from scgarage.io.matrix import Matrix, as_matrix, column_sums, find_values, row_sums
from scgarage.io.value_kind import describe_values, detect_value_kind
from scgarage.io.wording import examples, listed
from scgarage.preprocess.labels import OR_PREPARE, validate_labels
from scgarage.schema import UNS_KEY, ValueKind

__all__ = ["expression_matrix", "match_genes", "validate_expression", "validate_labels", "value_kind"]


def expression_matrix(adata: AnnData, layer: str | None = None) -> Matrix:
    """Return the expression values of a data set, without a copy where possible.

    Parameters
    ----------
    adata
        Data set in memory.
    layer
        Layer to use, ``X`` when None.

    Returns
    -------
    CSR matrix for sparse values, array otherwise, shape ``(n_cells, n_genes)``.

    Raises
    ------
    InputError
        If the layer does not exist, or the values are no numeric matrix in memory.
    """
    if layer is None:
        if adata.X is None:
            msg = f"adata.X is empty; pass layer= one of: {listed(adata.layers)}"
            raise InputError(msg)
        return as_matrix(adata.X, what="adata.X")
    if layer not in adata.layers:
        msg = f"adata.layers has no '{layer}'; pass layer= one of: {listed(adata.layers)}, or leave it out for X"
        raise InputError(msg)
    return as_matrix(adata.layers[layer], what=f"adata.layers['{layer}']")


def value_kind(adata: AnnData, layer: str | None = None) -> ValueKind:
    """Tell what the expression values of a data set are.

    The values themselves are looked at, for a record goes stale when ``X`` is normalised in place.
    ``uns["scgarage"]["value_kind"] == "log-normalised"`` decides only where the values leave it open
    ("unknown"): so a user can say that unusual values are logarithms. It speaks of ``X`` and not of layers.

    Parameters
    ----------
    adata
        Data set.
    layer
        Layer to use, ``X`` when None.

    Returns
    -------
    See :func:`scgarage.io.detect_value_kind`.

    Raises
    ------
    InputError
        If the layer does not exist or holds NaN or infinite values.
    """
    return _kind_of(adata, expression_matrix(adata, layer), layer)


def validate_expression(
    adata: AnnData,
    layer: str | None = None,
    *,
    accept: Collection[ValueKind] = ("counts", "log-normalised"),
    warn_silent_genes: bool = True,
) -> ValueKind:
    """Check that the expression values of a data set can be worked with.

    Parameters
    ----------
    adata
        Data set.
    layer
        Layer to use, ``X`` when None.
    accept
        Kinds of values that the caller can use. Negative values are accepted with ``"scaled"`` only.
    warn_silent_genes
        Warn about genes without expression; a small part of a data set always has some.

    Returns
    -------
    The kind of the values.

    Raises
    ------
    InputError
        If the data are empty; a cell or gene name occurs twice; a value is NaN, infinite or negative; a
        cell has no expression; the layer does not exist; or the values are of a kind that is not accepted.

    Warns
    -----
    UserWarning
        If genes have no expression in any cell: real data have them, and they stay zero.
    """
    if 0 in adata.shape:
        msg = f"the data hold {adata.n_obs} cells and {adata.n_vars} genes; at least one of each is expected"
        raise InputError(msg)
    X = expression_matrix(adata, layer)
    _check_unique(adata.obs_names, "cell", "adata.obs_names_make_unique()")
    _check_unique(adata.var_names, "gene", "adata.var_names_make_unique()")
    _check_values(adata, X, layer, accept)
    if "scaled" not in accept:
        _check_totals(adata, X, warn_silent_genes=warn_silent_genes)
    kind = _kind_of(adata, X, layer)
    if kind not in accept:
        _refuse_kind(adata, X, layer, kind, accept)
    return kind


def match_genes(adata: AnnData, var_names: Collection[str], *, what: str = "the data") -> AnnData:
    """Put the genes of a data set into a given order.

    Parameters
    ----------
    adata
        Data set with the same genes, in any order.
    var_names
        Gene names in the wanted order, shape ``(n_genes,)``.
    what
        How an error message calls ``adata``.

    Returns
    -------
    ``adata`` itself when its genes are in this order already, otherwise a reordered copy.

    Raises
    ------
    InputError
        If genes are missing, too many, or named twice.
    """
    wanted = pd.Index(var_names)
    if adata.var_names.equals(wanted):
        return adata
    _check_unique(adata.var_names, "gene", "adata.var_names_make_unique()")
    missing = wanted.difference(adata.var_names, sort=False)
    extra = adata.var_names.difference(wanted, sort=False)
    parts = []
    if len(missing):
        parts.append(f"{len(missing):,} of {len(wanted):,} genes are missing ({examples(missing)})")
    if len(extra):
        parts.append(f"{len(extra):,} genes are not expected ({examples(extra)})")
    if not parts:
        return adata[:, wanted].copy()
    msg = f"the genes of {what} do not match: {' and '.join(parts)}; {explain_mismatch(adata.var, wanted)}"
    raise InputError(msg)


def _kind_of(adata: AnnData, X: Matrix, layer: str | None) -> ValueKind:
    kind = detect_value_kind(X)
    record = adata.uns.get(UNS_KEY)
    said = record.get("value_kind") if isinstance(record, Mapping) and layer is None else None
    return "log-normalised" if kind == "unknown" and said == "log-normalised" else kind


def _check_unique(names: "pd.Index[str]", noun: str, remedy: str) -> None:
    repeated = names[names.duplicated()].unique()
    if len(repeated):
        msg = f"{len(repeated):,} {noun} names occur more than once ({examples(repeated)}); call {remedy}{OR_PREPARE}"
        raise InputError(msg)


def _check_values(adata: AnnData, X: Matrix, layer: str | None, accept: Collection[ValueKind]) -> None:
    """Refuse NaN, infinite and negative values, and say where the first is."""
    checks: list[tuple[str, Any, str]] = [
        ("NaN", np.isnan, "fill them (0 for expression that was not measured) or drop these cells or genes"),
        ("infinite", np.isinf, "they come from dividing by zero or from log(0): go back to the counts"),
    ]
    if "scaled" not in accept:
        checks.append(("negative", _is_negative, "use the values before scaling or batch correction"))
    for name, test, remedy in checks:
        n_found, first = find_values(X, test)
        if first is not None:
            if test is _is_negative:
                remedy = find_alternative(adata, accept, layer=layer) or remedy
            place = f"cell '{adata.obs_names[first[0]]}', gene '{adata.var_names[first[1]]}'"
            msg = f"{_matrix_name(layer)} holds {n_found:,} {name} values (first: {place}); {remedy}"
            raise InputError(msg)


def _is_negative(values: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.asarray(values < 0)


def _check_totals(adata: AnnData, X: Matrix, *, warn_silent_genes: bool) -> None:
    """Refuse cells without expression; warn about genes without."""
    empty = np.flatnonzero(row_sums(X) == 0)
    if empty.size:
        msg = (
            f"{empty.size:,} of {adata.n_obs:,} cells have no expression at all (first: "
            f"'{adata.obs_names[empty[0]]}'); drop them: sc.pp.filter_cells(adata, min_counts=1)"
            f"{OR_PREPARE}"
        )
        raise InputError(msg)
    n_silent = int((column_sums(X) == 0).sum()) if warn_silent_genes else 0
    if n_silent:
        msg = f"{n_silent:,} of {adata.n_vars:,} genes have no expression in any cell; they stay zero"
        warnings.warn(msg, UserWarning, stacklevel=3)


def _refuse_kind(
    adata: AnnData, X: Matrix, layer: str | None, kind: ValueKind, accept: Collection[ValueKind]
) -> NoReturn:
    """Raise the error that says what the values are and where or how to get what is needed."""
    values = describe_values(X)
    hint = find_alternative(adata, accept, layer=layer)
    if hint is None and kind == "log-normalised" and "counts" in accept:
        hint = "recover the counts with sg.pp.recover_counts(adata)"
    elif hint is None and kind == "counts" and "log-normalised" in accept:
        hint = "normalise with sc.pp.normalize_total(adata, target_sum=1e4) and sc.pp.log1p(adata)"
    elif hint is None and kind == "unknown" and "log1p" not in values:
        record = f'adata.uns["{UNS_KEY}"] = {{"value_kind": "log-normalised"}}'
        hint = f"if they are logarithms after all, say so: {record}"
    needed = " or ".join(accept)
    msg = f"{_matrix_name(layer)} cannot be used ({values}); expected: {needed}{f'; {hint}' if hint else ''}"
    raise InputError(msg)


def _matrix_name(layer: str | None) -> str:
    return "adata.X" if layer is None else f"adata.layers['{layer}']"
