"""Training cells that a model keeps to make cells from."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["KeptCells"]


@dataclass(frozen=True)
class KeptCells:
    """Real cells, sorted by type.

    Attributes
    ----------
    data, indices, indptr
        Values as a CSR matrix.
    n_genes
        Number of genes, (1,).
    sizes
        Cells of each type, (n_types,).
    """

    data: NDArray[np.float32]
    indices: NDArray[np.int64]
    indptr: NDArray[np.int64]
    n_genes: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, values: sparse.csr_matrix, labels: NDArray[np.int64], n_types: int) -> tuple[Self, NDArray[np.int64]]:
        """Keep cells, CSR (n_cells, n_genes), of given types; return the order of the rows too."""
        order = np.argsort(labels, kind="stable")
        own = values[order]
        kept = cls(
            own.data.astype(np.float32),
            own.indices.astype(np.int64),
            own.indptr.astype(np.int64),
            np.array([own.shape[1]], dtype=np.int64),
            np.bincount(labels, minlength=n_types).astype(np.int64),
        )
        return kept, order

    def matrix(self) -> sparse.csr_matrix:
        """Return the values, CSR (n_cells, n_genes)."""
        shape = (len(self.indptr) - 1, int(self.n_genes[0]))
        return sparse.csr_matrix((self.data, self.indices, self.indptr), shape=shape)

    def pick(self, labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw the row of a kept cell for each type number, ``(n_cells,)``, with replacement."""
        starts = np.cumsum(self.sizes) - self.sizes
        rows: NDArray[np.int64] = starts[labels] + rng.integers(self.sizes[labels])
        return rows
