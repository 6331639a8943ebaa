"""Exact copies of training cells are recognised by their fingerprints, without keeping the cells."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["Fingerprints"]


@dataclass(frozen=True)
class Fingerprints:
    """A 64-bit number for each training cell.

    Attributes
    ----------
    numbers
        Sorted, (n_cells,).
    """

    numbers: NDArray[np.int64]

    @classmethod
    def of(cls, values: sparse.csr_matrix) -> Self:
        """Fingerprint cells, CSR (n_cells, n_genes)."""
        return cls(np.sort(_fingerprint(values)))

    def match(self, values: sparse.csr_matrix) -> NDArray[np.bool_]:
        """Say which cells have the values of a training cell."""
        found: NDArray[np.bool_] = np.isin(_fingerprint(values), self.numbers)
        return found


def _fingerprint(values: sparse.csr_matrix) -> NDArray[np.int64]:
    """Add up, modulo 2^64, a random number of each gene times the value's bits."""
    values = values.sorted_indices()
    keys = np.random.default_rng(20_250_928).integers(2**62, size=values.shape[1], dtype=np.int64) | 1
    bits = np.ascontiguousarray(values.data, dtype=np.float32).view(np.int32).astype(np.int64)
    with np.errstate(over="ignore"):
        products = np.concatenate([[0], np.cumsum(keys[values.indices] * bits)])
        result: NDArray[np.int64] = products[values.indptr[1:]] - products[values.indptr[:-1]]
    return result
