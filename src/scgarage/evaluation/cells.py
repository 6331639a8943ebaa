"""Cells as the judge sees them: log expression, a type and a library size each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["Cells", "Index"]

Index = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Cells:
    """Expression, types and library sizes of some cells.

    Attributes
    ----------
    log_expr
        log1p CP10k, CSR float32, (n_cells, n_genes).
    labels
        Type of each cell, (n_cells,).
    totals
        Counts of each cell over all genes, (n_cells,); ``None`` where no counts are known.
    """

    log_expr: sparse.csr_matrix
    labels: NDArray[np.str_]
    totals: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return int(self.log_expr.shape[0])

    def take(self, rows: Index) -> "Cells":
        """Return the cells of the given rows, in that order."""
        return Cells(self.log_expr[rows], self.labels[rows], None if self.totals is None else self.totals[rows])

    def narrowed(self, genes: Index) -> "Cells":
        """Return the same cells with some of the genes, numbers (n_selected,)."""
        return Cells(self.log_expr[:, genes], self.labels, self.totals)

    def draw(self, n_cells: int, rng: np.random.Generator) -> "Cells":
        """Return at most ``n_cells`` different cells, chosen at random."""
        return self.take(rng.permutation(len(self))[:n_cells])
