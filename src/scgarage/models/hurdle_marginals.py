"""Zero fraction and quantiles of every gene in every type, for log-normalised values."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.models.garage.hurdle import Hurdle

__all__ = ["HurdleMarginals"]

PRIOR_CELLS = 5.0
"""Cells above zero that a gene's quantiles over all types are worth beside a type's own."""

Genes = slice | NDArray[np.int64]


@dataclass(frozen=True)
class HurdleMarginals:
    """What stands in for :class:`NegativeBinomialMarginals` where no counts are known; the same methods.

    Attributes
    ----------
    hurdle
        Zero fractions and quantiles of the values above zero.
    """

    hurdle: Hurdle

    @classmethod
    def fit(cls, values: sparse.csr_matrix, labels: NDArray[np.int64], n_types: int) -> Self:
        """Estimate from log-normalised values, CSR (n_cells, n_genes), and type numbers, (n_cells,)."""
        unused = np.ones(len(labels))
        share = np.zeros((n_types, values.shape[1]))
        fitted = Hurdle.fit(values.tocsc(), unused, labels, prior_share=share, mean_prior=0.0, weight_prior=PRIOR_CELLS)
        return cls(fitted)

    def draw(self, labels: NDArray[np.int64], genes: Genes, rng: np.random.Generator) -> sparse.csr_matrix:
        """Draw values, genes independent of each other, (n_cells, n_genes chosen), for type numbers (n_cells,)."""
        zero = self.zero_level(labels, genes)
        levels = rng.random(zero.shape)
        cells, columns = np.nonzero(levels > zero)
        numbers = np.arange(self.hurdle.zero.shape[1])[genes][columns]
        drawn = self.quantiles(levels[cells, columns], labels[cells], numbers)
        return sparse.csr_matrix((drawn.astype(np.float32), (cells, columns)), shape=zero.shape)

    def zero_level(self, labels: NDArray[np.int64], genes: Genes) -> NDArray[np.float64]:
        """Return the probability of zero, (n_cells, n_genes chosen), for type numbers (n_cells,)."""
        return self.hurdle.zero_level(np.empty(0), labels, genes).astype(np.float64)

    def intervals(
        self, values: NDArray[np.float64], labels: NDArray[np.int64], genes: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the cumulative probabilities of single values above zero, twice; all arrays (n,)."""
        return self.hurdle.intervals(values, np.empty(0), labels, genes)

    def quantiles(
        self, levels: NDArray[np.float64], labels: NDArray[np.int64], genes: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the values at cumulative probabilities above the zero level; all arrays (n,)."""
        return self.hurdle.quantiles(levels, np.empty(0), labels, genes)
