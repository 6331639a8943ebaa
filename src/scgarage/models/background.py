"""Genes that a model does not generate: drawn independently of each other, given type and depth, and marked as such."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["Background", "HurdleBackground", "PoissonBackground"]


@dataclass(frozen=True)
class PoissonBackground:
    r"""Counts :math:`c_{ij} \sim \mathrm{Poisson}(L_i f_{t(i) j})`.

    Attributes
    ----------
    fractions
        Share of a type's counts that fall on each gene, shape ``(n_types + 1, n_genes)``; the last row pools all types.
    """

    fractions: NDArray[np.float32]

    @classmethod
    def fit(
        cls, counts: sparse.csr_matrix, totals: NDArray[np.float64], labels: NDArray[np.int64], n_types: int
    ) -> Self:
        """Estimate from counts of the genes outside the model, ``(n_cells, n_genes)``, and full library sizes."""
        sums = _type_sums(counts, labels, n_types)
        depth = np.bincount(labels, weights=totals, minlength=n_types)
        depth = np.append(depth, totals.sum())
        return cls((sums / depth[:, None]).astype(np.float32))

    def draw(
        self, labels: NDArray[np.int64], totals: NDArray[np.float64] | None, rng: np.random.Generator
    ) -> sparse.csr_matrix:
        """Draw counts ``(n_cells, n_genes)`` for type numbers (-1: no type) and library sizes."""
        if totals is None:
            msg = "library sizes are needed to draw counts"
            raise TypeError(msg)
        return sparse.csr_matrix(rng.poisson(self.fractions[labels] * totals[:, None]).astype(np.float32))


@dataclass(frozen=True)
class HurdleBackground:
    """Log-normalised values: zero with the type's zero fraction, else normal with the type's mean and spread.

    Attributes
    ----------
    expressed
        Share of cells of a type that express each gene, shape ``(n_types + 1, n_genes)``.
    mean, spread
        Mean and standard deviation of the non-zero values, same shape.
    smallest
        Smallest non-zero training value; drawn values are not below it.
    """

    expressed: NDArray[np.float32]
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    smallest: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        values: sparse.csr_matrix,
        totals: NDArray[np.float64] | None,
        labels: NDArray[np.int64],
        n_types: int,
    ) -> Self:
        """Estimate from log-normalised values of the genes outside the model; ``totals`` is unused."""
        del totals
        sizes = np.append(np.bincount(labels, minlength=n_types), len(labels))[:, None]
        non_zero = _type_sums(values.sign(), labels, n_types)
        n = np.maximum(non_zero, 1)
        mean = _type_sums(values, labels, n_types) / n
        square = _type_sums(values.power(2), labels, n_types) / n
        smallest = values.data[values.data > 0].min() if values.nnz else 0.0
        return cls(
            (non_zero / sizes).astype(np.float32),
            mean.astype(np.float32),
            np.sqrt(np.maximum(square - mean**2, 0)).astype(np.float32),
            np.asarray([smallest], dtype=np.float32),
        )

    def draw(
        self, labels: NDArray[np.int64], totals: NDArray[np.float64] | None, rng: np.random.Generator
    ) -> sparse.csr_matrix:
        """Draw log-normalised values ``(n_cells, n_genes)`` for type numbers (-1: no type); ``totals`` is unused."""
        del totals
        rate = self.expressed[labels]
        drawn = np.maximum(rng.normal(self.mean[labels], self.spread[labels]), self.smallest)
        return sparse.csr_matrix(np.where(rng.random(rate.shape) < rate, drawn, 0.0).astype(np.float32))


Background = PoissonBackground | HurdleBackground


def _type_sums(values: sparse.csr_matrix, labels: NDArray[np.int64], n_types: int) -> NDArray[np.float64]:
    """Sum the cells of each type, and of all types in the last row: shape ``(n_types + 1, n_genes)``."""
    members = sparse.csr_matrix((np.ones(len(labels)), (labels, np.arange(len(labels)))), shape=(n_types, len(labels)))
    sums = np.asarray((members @ values).todense(), dtype=np.float64)
    return np.vstack([sums, sums.sum(axis=0)])
