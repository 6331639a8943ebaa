"""Where else in a data set the values are that a caller needs."""

from collections.abc import Collection, Iterator
from typing import Any

from anndata import AnnData

from scgarage.errors import InputError
from scgarage.io.value_kind import detect_value_kind
from scgarage.schema import ValueKind

__all__ = ["find_alternative", "other_matrices"]


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
