"""Cells as a check looks at them: only the genes that a constraint names are made dense."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.preprocess import expression_matrix, library_size, log1p_cp10k, value_kind

__all__ = ["CheckedCells"]


@dataclass(frozen=True)
class CheckedCells:
    """Values of cells by the names of genes.

    Attributes
    ----------
    values
        Counts or log-normalised values, CSR ``(n_cells, n_genes)``.
    genes
        Names of the genes.
    obs
        Annotation of the cells.
    is_counts
        Whether the values are counts.
    what
        What the cells are called in messages.
    """

    values: sparse.csr_matrix
    genes: pd.Index
    obs: pd.DataFrame
    is_counts: bool
    what: str

    @classmethod
    def of(cls, cells: AnnData, *, layer: str | None, what: str) -> Self:
        """Read the values of cells; without the layer ``X`` is taken.

        Raises
        ------
        InputError
            When there are no cells.
        """
        if not cells.n_obs:
            msg = f"there are no {what} cells to check"
            raise InputError(msg)
        used = layer if layer in cells.layers else None
        values = sparse.csr_matrix(expression_matrix(cells, used))
        return cls(values, cells.var_names, cells.obs, value_kind(cells, used) == "counts", what)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return int(self.values.shape[0])

    @cached_property
    def totals(self) -> NDArray[np.float64]:
        """Library sizes, counts, shape ``(n_cells,)``."""
        return library_size(self.values)

    def columns(self, names: Sequence[str]) -> NDArray[np.intp]:
        """Return the column numbers of genes; of all genes when none is named.

        Raises
        ------
        InputError
            When the cells have no such gene.
        """
        if not names:
            return np.arange(len(self.genes))
        numbers = self.genes.get_indexer(pd.Index(names))
        missing = [name for name, number in zip(names, numbers, strict=True) if number < 0]
        if missing:
            msg = (
                f"the {self.what} cells have no gene {', '.join(map(repr, missing))}, which a constraint names; "
                f"their genes are called like {', '.join(map(repr, self.genes[:3]))}"
            )
            raise InputError(msg)
        return np.asarray(numbers)

    def log_expr(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Return log1p CP10k of some genes, ``(n_cells, n_named)``; empty cells are zero."""
        part = self.values[:, self.columns(names)]
        if not self.is_counts:
            return np.asarray(part.toarray(), dtype=np.float32)
        return log1p_cp10k(part, totals=np.maximum(self.totals, 1.0)).toarray()

    def sums(self, names: Sequence[str], *, counts: bool) -> NDArray[np.float64]:
        """Return the sum over some genes, ``(n_cells,)``: of counts, or of CP10k."""
        part = self.values[:, self.columns(names)]
        if counts:
            return library_size(part)
        if not self.is_counts:
            return library_size(part.expm1())
        return library_size(part) / np.maximum(self.totals, 1.0) * 1e4
