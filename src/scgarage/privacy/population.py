"""Cells as the audit sees them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.preprocess import expression_matrix, library_size, log1p_cp10k

__all__ = ["Population", "Rows", "column"]

Rows = NDArray[np.integer[Any]]
"""Row numbers of cells."""


@dataclass(frozen=True)
class Population:
    """Values, types and donors of some cells.

    Attributes
    ----------
    values
        Counts or log1p CP10k of the genes that the generator modelled, CSR (n_cells, n_genes).
    totals
        Counts of each cell over all genes, (n_cells,); ``None`` for log-normalised values.
    labels
        Type of each cell, (n_cells,); one and the same where types are not known.
    donors
        Donor of each cell, (n_cells,), or ``None``.
    """

    values: sparse.csr_matrix
    totals: NDArray[np.float64] | None
    labels: NDArray[np.str_]
    donors: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return int(self.values.shape[0])

    def take(self, rows: Rows) -> "Population":
        """Return the cells of the given rows, in that order."""
        return replace(
            self,
            values=self.values[rows],
            totals=None if self.totals is None else self.totals[rows],
            labels=self.labels[rows],
            donors=None if self.donors is None else self.donors[rows],
        )

    def join(self, other: "Population") -> "Population":
        """Return these cells and then the others."""
        return Population(
            sparse.csr_matrix(sparse.vstack([self.values, other.values], format="csr")),
            None if self.totals is None or other.totals is None else np.concatenate([self.totals, other.totals]),
            np.concatenate([self.labels, other.labels]),
            None if self.donors is None or other.donors is None else np.concatenate([self.donors, other.donors]),
        )

    def log_expr(self, genes: NDArray[np.intp] | None = None) -> sparse.csr_matrix:
        """Return log1p CP10k of all or some genes, float32; a cell without counts stays all zero."""
        values = self.values if genes is None else self.values[:, genes]
        if self.totals is None:
            return values.astype(np.float32)
        return log1p_cp10k(values, totals=np.maximum(self.totals, 1.0))

    @classmethod
    def read(
        cls,
        cells: AnnData,
        genes: NDArray[np.intp],
        *,
        layer: str | None,
        counts: bool,
        labels_key: str | None = None,
        donor_key: str | None = None,
    ) -> "Population":
        """Take values of some genes, types and donors from an AnnData.

        Raises
        ------
        InputError
            If a column is missing or has missing values.
        """
        values = sparse.csr_matrix(expression_matrix(cells, layer))
        return cls(
            values[:, genes],
            library_size(values) if counts else None,
            np.full(cells.n_obs, "cell") if labels_key is None else column(cells, labels_key),
            None if donor_key is None else column(cells, donor_key),
        )


def column(cells: AnnData, key: str) -> NDArray[np.str_]:
    """Return a complete column of the real cells' ``obs`` as strings.

    Raises
    ------
    InputError
        If the column is missing or has missing values.
    """
    if key not in cells.obs:
        available = ", ".join(map(repr, cells.obs.columns)) or "none"
        msg = f"the real cells' obs has no {key!r}; available: {available}"
        raise InputError(msg)
    if cells.obs[key].isna().any():
        msg = f"obs[{key!r}] of the real cells has missing values; fill or drop those cells"
        raise InputError(msg)
    return np.asarray(cells.obs[key].astype(str), dtype=np.str_)
