"""From AnnData to what the experiment works on."""

import warnings
from dataclasses import dataclass
from typing import Self

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.guard import guard
from scgarage.preprocess import expression_matrix, log1p_cp10k, validate_expression, validate_labels
from scgarage.schema import ValueKind

__all__ = ["MIN_CELLS", "RealCells"]

MIN_CELLS = 4
"""Types of fewer cells are left out: two must train and two test."""


@dataclass(frozen=True, eq=False)
class RealCells:
    """Real cells of one data set.

    Attributes
    ----------
    adata
        The cells with their values, as generators are given them.
    log_expr
        log1p CP10k of all genes, CSR, (n_cells, n_genes).
    types
        Names of the types, sorted.
    codes
        Number of each cell's type, (n_cells,).
    labels_key
        Column of ``obs`` with the types.
    layer
        Layer with the values, or ``None`` for ``X``.
    value_kind
        What the values are.
    """

    adata: AnnData
    log_expr: sparse.csr_matrix
    types: NDArray[np.str_]
    codes: NDArray[np.intp]
    labels_key: str
    layer: str | None
    value_kind: ValueKind

    @classmethod
    def of(
        cls, adata: AnnData, *, labels_key: str, layer: str | None = None, max_cells: int = 4000, random_state: int = 0
    ) -> Self:
        """Check and normalise real cells.

        Raises
        ------
        InputError
            If values or labels cannot be used, or a cell is synthetic.

        Warns
        -----
        UserWarning
            If a type has too few cells to be divided; its cells are left out.
        """
        adata = guard(adata)
        validate_labels(adata, labels_key, min_cells_per_type=1)
        kind = validate_expression(adata, layer, warn_silent_genes=False)
        rows = np.arange(adata.n_obs)
        if adata.n_obs > max_cells:
            rows = np.sort(np.random.default_rng(random_state).choice(adata.n_obs, max_cells, replace=False))
        rows = rows[_common(adata.obs[labels_key].iloc[rows].astype(str).to_numpy(dtype=np.str_), labels_key)]
        kept = adata[rows].copy()
        types, codes = np.unique(kept.obs[labels_key].astype(str).to_numpy(dtype=np.str_), return_inverse=True)
        log_expr = normalise(kept, layer, kind)
        return cls(kept, log_expr, types, codes, labels_key, layer, kind)


def _common(labels: NDArray[np.str_], labels_key: str) -> NDArray[np.bool_]:
    """Return which cells are of a type with enough cells."""
    names, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if (counts < MIN_CELLS).any():
        small = ", ".join(f"'{name}' ({n})" for name, n in zip(names, counts, strict=True) if n < MIN_CELLS)
        msg = f"adata.obs['{labels_key}']: types of fewer than {MIN_CELLS} cells are left out: {small}"
        warnings.warn(msg, UserWarning, stacklevel=4)
    return np.asarray(counts[numbers] >= MIN_CELLS)


def normalise(adata: AnnData, layer: str | None, kind: ValueKind) -> sparse.csr_matrix:
    """Return log1p CP10k of all genes, CSR; log-normalised values are used as they are."""
    if kind not in {"counts", "log-normalised"}:
        msg = f"the values are {kind}; expected counts or log-normalised values (see layer=)"
        raise InputError(msg)
    values = sparse.csr_matrix(expression_matrix(adata, layer), dtype=np.float32)
    return log1p_cp10k(values) if kind == "counts" else values
