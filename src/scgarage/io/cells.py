"""The one bridge from AnnData to arrays: checked values, log1p CP10k, labels, genes."""

import math
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NoReturn, TypeVar, cast

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError, examples, listed
from scgarage.io.gene_names import explain_mismatch
from scgarage.io.matrix import Matrix, as_matrix, column_sums, find_values, row_sums
from scgarage.io.tables import missing_labels
from scgarage.io.values import Values, find_alternative, name_of_logarithm, recognise_values
from scgarage.schema import UNS_KEY, UNSURE, ValueKind

TARGET_SUM = 1e4
"""Counts per cell after normalisation: CP10k, the field's convention (scanpy's and Seurat's tutorials)."""

USABLE: tuple[ValueKind, ...] = ("counts", "log-normalised")
"""Kinds of values that nearly everything works with."""

COUNTS: tuple[ValueKind, ...] = ("counts",)

Expression = TypeVar("Expression", sparse.csr_matrix, NDArray[np.floating])


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells as arrays."""

    matrix: Matrix  # the values as they are stored, (n_cells, n_genes)
    kind: ValueKind  # what they are: counts, log-normalised...
    genes: "pd.Index[str]"  # gene names
    labels: NDArray[np.str_] | None = None  # cell type of each cell, (n_cells,), or None
    batches: NDArray[np.str_] | None = None  # batch of each cell, (n_cells,), or None

    @cached_property
    def csr(self) -> sparse.csr_matrix:
        """The values, CSR (n_cells, n_genes)."""
        return sparse.csr_matrix(self.matrix)

    @cached_property
    def totals(self) -> NDArray[np.float64] | None:
        """Library sizes, (n_cells,); None where no counts are known."""
        return library_size(self.csr) if self.kind == "counts" else None

    @cached_property
    def log_expr(self) -> sparse.csr_matrix:
        """log1p CP10k of all genes, CSR float32 (n_cells, n_genes); other values than counts as they are."""
        return log1p_cp10k(self.csr, totals=self.totals) if self.kind == "counts" else self.csr.astype(np.float32)


def read_cells(
    adata: AnnData,
    *,
    layer: str | None = None,
    labels_key: str | None = None,
    batch_key: str | None = None,
    accept: Collection[ValueKind] | None = None,
    kind: ValueKind | None = None,
    or_x: bool = False,
) -> Cells:
    """Read values, and types and batches where a column is named; with ``or_x`` of ``X`` where there is no such layer.

    Kinds of values to ``accept`` are checked as :func:`validate_expression` does; without them nothing is, and values
    whose ``kind`` is known already are not even looked at.
    """
    layer = None if or_x and layer not in adata.layers else layer
    if accept is not None:
        kind = validate_expression(adata, layer, accept=accept, warn_silent_genes=False)
    elif kind is None:
        kind = value_kind(adata, layer)
    labels, batches = (
        None if key is None else validate_labels(adata, key, min_types=1, min_cells_per_type=1, argument=name)
        for name, key in (("labels_key", labels_key), ("batch_key", batch_key))
    )
    return Cells(expression_matrix(adata, layer), kind, adata.var_names, labels, batches)


def obs_column(
    adata: AnnData,
    key: str,
    *,
    absent: str = "adata.obs has no {key!r}; available: {columns}",
    gaps: str = "adata.obs[{key!r}] has {n_missing} missing values; fill or drop those cells",
) -> NDArray[np.str_]:
    """Return a column of ``obs`` as text, (n_cells,), or say that it is absent or has gaps."""
    n_missing = int(adata.obs[key].isna().sum()) if key in adata.obs else 0
    if key not in adata.obs or n_missing:
        columns = ", ".join(map(repr, adata.obs.columns)) or "none"
        raise InputError((gaps if n_missing else absent).format(key=key, n_missing=n_missing, columns=columns))
    return as_text(adata.obs[key])


def recorded_totals(adata: AnnData) -> NDArray[np.float64] | None:
    """Return the total counts that scanpy's quality control left in ``obs``, (n_cells,), or ``None``."""
    return np.asarray(adata.obs["total_counts"], dtype=np.float64) if "total_counts" in adata.obs else None


def as_text(column: "pd.Series[Any]") -> NDArray[np.str_]:
    """Return a column as text, (n_cells,); a missing value is "unsure"."""
    return np.asarray(column.astype(str).mask(column.isna(), UNSURE), dtype=np.str_)


def library_size(counts: sparse.csr_matrix | NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the total counts of each cell, shape ``(n_cells,)``."""
    return row_sums(counts)  # in float64: scipy adds float32 matrices in float32


def log1p_cp10k(counts: Expression, *, totals: NDArray[np.floating] | None = None) -> Expression:
    r"""Normalise counts to 10,000 per cell and take the natural logarithm of one plus the result.

    .. math:: x_{ij} = \log(1 + 10^4 c_{ij} / \textstyle\sum_j c_{ij})

    Parameters
    ----------
    counts
        Counts, shape ``(n_cells, n_genes)``; a sparse matrix gives a CSR matrix.
    totals
        Library sizes to divide by, shape ``(n_cells,)``, when ``counts`` holds only some of the genes. By
        default the row sums.

    Returns
    -------
    log1p CP10k, float32, same container and shape. The input is not changed.

    Raises
    ------
    InputError
        When a cell has no counts at all, or ``totals`` has another length than there are cells.

    Examples
    --------
    >>> import numpy as np
    >>> log1p_cp10k(np.array([[1.0, 3.0]])).astype(float).round(3).tolist()
    [[7.824, 8.923]]
    """
    totals = library_size(counts) if totals is None else np.asarray(totals, dtype=np.float64)
    _check_length(totals, counts.shape[0])
    if (totals <= 0).any():
        msg = (
            f"{int((totals <= 0).sum())} cells have no counts, so they cannot be normalised; "
            "remove them with sc.pp.filter_cells(adata, min_counts=1)"
        )
        raise InputError(msg)
    factors = TARGET_SUM / totals
    if sparse.issparse(counts):
        return cast("Expression", _log1p_sparse(counts, factors))
    scaled = np.asarray(counts, dtype=np.float64) * factors[:, None]
    return cast("Expression", np.log1p(scaled).astype(np.float32))


def _log1p_sparse(counts: Any, factors: NDArray[np.float64]) -> Any:
    scaled = counts.tocsr().astype(np.float64)  # astype copies
    scaled.data *= np.repeat(factors, np.diff(scaled.indptr))
    return scaled.log1p().astype(np.float32)  # log1p adds up entries given twice first


def counts_from_log_expr(log_expr: NDArray[np.floating], totals: NDArray[np.floating]) -> NDArray[np.float32]:
    r"""Turn log1p CP10k values back into whole counts for given library sizes.

    .. math:: c_{ij} = \mathrm{round}\left((e^{x_{ij}} - 1) \, L_i / 10^4\right)

    Parameters
    ----------
    log_expr
        log1p CP10k, shape ``(n_cells, n_genes)``; values below zero count as zero.
    totals
        Library size :math:`L_i` of each cell, shape ``(n_cells,)``.

    Returns
    -------
    Whole counts, float32, shape ``(n_cells, n_genes)``. For values made by :func:`log1p_cp10k` with the same
    totals the original counts come back exactly, up to a million of one gene in one cell; beyond, the 24
    bits of a float32 logarithm no longer tell two counts apart.

    Raises
    ------
    InputError
        When ``totals`` has another length than there are cells.

    Examples
    --------
    >>> log_expr = log1p_cp10k(np.array([[1.0, 3.0], [7.0, 0.0]]))
    >>> counts_from_log_expr(log_expr, np.array([4.0, 7.0])).tolist()
    [[1.0, 3.0], [7.0, 0.0]]
    """
    _check_length(np.asarray(totals), len(log_expr))
    scale = np.asarray(totals, dtype=np.float64)[:, None] / TARGET_SUM
    counts = np.rint(np.expm1(np.maximum(log_expr, 0.0, dtype=np.float64)) * scale)
    return np.asarray(counts, dtype=np.float32)


def _check_length(totals: NDArray[np.floating], n_cells: int) -> None:
    if totals.shape != (n_cells,):
        msg = f"totals needs one library size per cell, {n_cells}; found shape {totals.shape}"
        raise InputError(msg)


OR_PREPARE = ", or use sg.pp.prepare (scgarage prepare)"
"""End of the messages about what it mends."""

_MAX_NUMBER_LABELS = 50
_N_EXAMPLES = 5


def validate_labels(
    adata: AnnData, labels_key: str, *, min_types: int = 2, min_cells_per_type: int = 2, argument: str = "labels_key"
) -> NDArray[np.str_]:
    """Check that a column of ``obs`` holds cell types that can be worked with.

    Parameters
    ----------
    adata
        Data set.
    labels_key
        Column of ``obs``.
    min_types
        Smallest number of different labels.
    min_cells_per_type
        Smallest number of cells of each.
    argument
        What the user gave the column as, for the message.

    Returns
    -------
    Type of each cell as text, shape ``(n_cells,)``.

    Raises
    ------
    InputError
        If the column is missing or holds measurements rather than labels; a label is missing or is the
        reserved ``"unsure"``; or there are too few types, or cells of a type.
    """
    if labels_key not in adata.obs:
        msg = f"adata.obs has no '{labels_key}'; pass {argument}= one of: {listed(_label_columns(adata))}"
        raise InputError(msg)
    labels = adata.obs[labels_key]
    # "none" is a value like others in the column of a treatment, and no type.
    missing = np.flatnonzero(missing_labels(labels) if argument == "labels_key" else labels.isna().to_numpy())
    if missing.size:
        texts = sorted(set(labels.iloc[missing].dropna().astype(str)))
        written = f", written as {', '.join(map(repr, texts))}" if texts else ""
        msg = (
            f"adata.obs['{labels_key}'] has no label for {missing.size:,} of {adata.n_obs:,} cells (first: "
            f"'{adata.obs_names[missing[0]]}'{written}); label them, or drop them: "
            f"{'' if texts else f'adata = adata[adata.obs[{labels_key!r}].notna()].copy(), or '}"
            "use sg.pp.prepare (scgarage prepare)"
        )
        raise InputError(msg)
    _check_is_not_a_measurement(labels, labels_key, adata)
    sizes = labels.astype(str).value_counts()
    if UNSURE in sizes.index:
        msg = (
            f"adata.obs['{labels_key}'] holds the label '{UNSURE}' ({sizes[UNSURE]:,} cells), which scgarage "
            "reserves for synthetic cells without a clear type; rename it, or drop these cells"
        )
        raise InputError(msg)
    _check_sizes(sizes, labels_key, min_types=min_types, min_cells_per_type=min_cells_per_type)
    return as_text(labels)


def _check_is_not_a_measurement(labels: "pd.Series[Any]", labels_key: str, adata: AnnData) -> None:
    """Refuse a numeric column with fractions or very many values."""
    categories = labels.cat.categories if isinstance(labels.dtype, pd.CategoricalDtype) else labels
    if categories.dtype.kind not in "iuf":
        return
    values = np.unique(np.asarray(labels, dtype=np.float64))
    if np.array_equal(values, np.rint(values)) and values.size <= _MAX_NUMBER_LABELS:
        return
    others = [column for column in _label_columns(adata) if column != labels_key]
    msg = (
        f"adata.obs['{labels_key}'] holds {values.size:,} different numbers from {values[0]:g} to "
        f"{values[-1]:g}, which looks like a measurement; cell types are expected: pass labels_key= one of: "
        f"{listed(others)}, or turn it into text if these are labels"
    )
    raise InputError(msg)


def _check_sizes(sizes: "pd.Series[int]", labels_key: str, *, min_types: int, min_cells_per_type: int) -> None:
    """Refuse too few types, and types of too few cells."""
    if len(sizes) < min_types:
        expected = f"at least {min_types} are expected, or none at all (scgarage fit --no-labels)"
        msg = f"adata.obs['{labels_key}'] holds one label ({examples(sizes.index)}); {expected}"
        if len(sizes) != 1:
            msg = f"adata.obs['{labels_key}'] holds {len(sizes)} labels; at least {min_types} are expected"
        raise InputError(msg)
    small = sizes[sizes < min_cells_per_type]
    if len(small):
        named = ", ".join(f"'{label}' ({n})" for label, n in small.iloc[:_N_EXAMPLES].items())
        more = f" and {len(small) - _N_EXAMPLES:,} more" if len(small) > _N_EXAMPLES else ""
        msg = (
            f"{len(small):,} types in adata.obs['{labels_key}'] have fewer than {min_cells_per_type} cells: "
            f"{named}{more}; merge them with another type, or drop their cells"
        )
        raise InputError(msg)


def _label_columns(adata: AnnData) -> list[str]:
    """Return the columns of ``obs`` that hold text or categories."""
    return [str(name) for name, column in adata.obs.items() if column.dtype.kind not in "iufcmM"]


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
    ``uns["scgarage"]["value_kind"]``, ``"log-normalised"`` or ``"counts"``, decides only where the values leave it open
    ("unknown"): so a user can say that unusual values are logarithms, or whole numbers counts. So does the record that
    ``sc.pp.log1p`` leaves in ``uns["log1p"]``. Both speak of ``X`` and not of layers.

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
    adata: AnnData, layer: str | None = None, *, accept: Collection[ValueKind] = USABLE, warn_silent_genes: bool = True
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
    values = recognise(adata, X, layer)
    if values.kind not in accept:
        _refuse_kind(adata, values, layer, accept)
    if values.kind == "log-normalised" and values.base not in (None, math.e):
        msg = (
            f"{_matrix_name(layer)} holds {name_of_logarithm(values.base, values.target_sum)}; natural logarithms are "
            "expected, as of sc.pp.log1p; sg.pp.prepare (scgarage prepare) makes counts of them, or log1p CP10k"
        )
        raise InputError(msg)
    return values.kind


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


def recognise(adata: AnnData, X: Matrix, layer: str | None) -> Values:
    """Tell what values are, also from what the data set says of its ``X`` where they leave it open."""
    values = recognise_values(X)
    if layer is not None:
        return values
    record = adata.uns.get(UNS_KEY)
    said = record.get("value_kind") if isinstance(record, Mapping) else None
    if values.what == "rounded":
        return replace(values, kind="counts", what="counts") if said == "counts" else values
    logged = adata.uns.get("log1p")
    if isinstance(logged, Mapping) and (values.what == "unclear" or (values.what == "logarithms" and not values.known)):
        base = logged.get("base")
        base = math.e if base is None else float(np.asarray(base).reshape(-1)[0])
        how = f"uns['log1p'] says: {name_of_logarithm(base, None)}"
        return replace(
            values, kind="log-normalised", what="logarithms", base=base, sentence=f"{values.sentence}; {how}"
        )
    if values.kind == "unknown" and said == "log-normalised":
        return replace(values, kind="log-normalised", what="logarithms")
    return values


def _kind_of(adata: AnnData, X: Matrix, layer: str | None) -> ValueKind:
    return recognise(adata, X, layer).kind


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


def _refuse_kind(adata: AnnData, values: Values, layer: str | None, accept: Collection[ValueKind]) -> NoReturn:
    """Raise the error that says what the values are and where or how to get what is needed."""
    hint = find_alternative(adata, accept, layer=layer)
    if hint is None and values.kind == "log-normalised" and "counts" in accept:
        hint = "recover the counts with sg.pp.recover_counts(adata)"
    elif hint is None and values.kind == "counts" and "log-normalised" in accept:
        hint = "normalise with sc.pp.normalize_total(adata, target_sum=1e4) and sc.pp.log1p(adata)"
    elif hint is None and values.what in ("unclear", "shares"):
        record = f'adata.uns["{UNS_KEY}"] = {{"value_kind": "log-normalised"}}'
        hint = f"if they are logarithms after all, say so: {record}"
    needed = " or ".join(accept)
    msg = f"{_matrix_name(layer)} cannot be used ({values.sentence}); expected: {needed}{f'; {hint}' if hint else ''}"
    raise InputError(msg)


def _matrix_name(layer: str | None) -> str:
    return "adata.X" if layer is None else f"adata.layers['{layer}']"
