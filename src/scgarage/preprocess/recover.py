"""Counts of a data set that holds log-normalised values only."""

import math
import warnings
from collections.abc import Mapping

import scipy.sparse as sp
from anndata import AnnData

from scgarage.errors import InputError
from scgarage.io.alternatives import find_alternative
from scgarage.io.matrix import compact
from scgarage.io.recover_values import RecoveredCounts, counts_from_log_normalised
from scgarage.io.value_kind import describe_values
from scgarage.preprocess.validate import expression_matrix, value_kind
from scgarage.schema import COUNTS_LAYER, UNS_KEY

__all__ = ["recover_counts"]


def recover_counts(
    adata: AnnData,
    *,
    layer: str | None = None,
    use_raw: bool = False,
    base: float = math.e,
    tolerance: float = 0.25,
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
    X = expression_matrix(source, layer)
    kind = value_kind(source, layer)
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
