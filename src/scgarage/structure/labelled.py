"""From AnnData to log expression of all genes, and types."""

import numpy as np
from anndata import AnnData
from scipy import sparse

from scgarage.errors import InputError
from scgarage.evaluation.cells import Cells
from scgarage.preprocess import expression_matrix, log1p_cp10k, validate_expression
from scgarage.schema import UNSURE

__all__ = ["check_counts", "read_cells"]


def read_cells(cells: AnnData, labels_key: str, layer: str | None) -> Cells:
    """Return log1p CP10k of all genes and the types; a cell without a type is "unsure".

    Parameters
    ----------
    cells
        Counts or log-normalised values; not changed.
    labels_key
        Column of ``obs`` with the types.
    layer
        Layer with the values; ``X`` when None.

    Raises
    ------
    InputError
        If the column is missing, no cell has a type, or the values are neither counts nor log-normalised.
    """
    if labels_key not in cells.obs:
        columns = ", ".join(map(repr, cells.obs.columns)) or "none"
        msg = f"adata.obs has no {labels_key!r}; pass labels_key= one of: {columns}"
        raise InputError(msg)
    column = cells.obs[labels_key].astype(object)
    labels = np.asarray(column.where(column.notna(), UNSURE).astype(str), dtype=np.str_)
    if (labels == UNSURE).all():
        msg = f"adata.obs[{labels_key!r}] gives no cell a type; there is nothing to compare clusters with"
        raise InputError(msg)
    kind = validate_expression(cells, layer, warn_silent_genes=False)
    values = sparse.csr_matrix(expression_matrix(cells, layer))
    return Cells(log1p_cp10k(values) if kind == "counts" else values.astype(np.float32), labels)


def check_counts(*, minimum: int = 1, **numbers: int) -> None:
    """Refuse numbers below a minimum, by the name that error messages show.

    Raises
    ------
    InputError
        If one is.
    """
    for name, number in numbers.items():
        if number < minimum:
            msg = f"{name} is {number}; expected at least {minimum}"
            raise InputError(msg)
