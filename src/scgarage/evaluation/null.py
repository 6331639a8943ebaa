"""Generators that know as little as possible: the bad end of every metric's scale."""

from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.evaluation.cells import Cells
from scgarage.preprocess import log1p_cp10k

__all__ = ["NormalNull", "NullGenerator", "PoissonNull", "TypeMix", "copies", "shuffled"]


class NullGenerator(Protocol):
    """Something that makes cells without knowing how genes go together."""

    def narrowed(self, genes: NDArray[np.integer[Any]]) -> Self:
        """Return the generator of some genes, numbers (n_selected,); library sizes stay those over all genes."""
        ...

    def sample(self, n_cells: int, rng: np.random.Generator) -> Cells:
        """Return new cells of types drawn in the proportions of the training cells."""
        ...

    def of_types(self, labels: NDArray[np.str_], rng: np.random.Generator) -> Cells:
        """Return one new cell of each given type, (n_cells,), in that order."""
        ...


@dataclass(frozen=True)
class TypeMix:
    """The types of the training cells and their shares.

    Attributes
    ----------
    types
        Names, (n_types,).
    shares
        Share of each type among the training cells, (n_types,).
    codes
        Number of the type of each training cell, (n_cells,).
    """

    types: NDArray[np.str_]
    shares: NDArray[np.float64]
    codes: NDArray[np.intp]

    @classmethod
    def of(cls, labels: NDArray[np.str_]) -> Self:
        """Count the types of training cells, labels of shape (n_cells,)."""
        types, codes = np.unique(labels, return_inverse=True)
        return cls(types, np.bincount(codes) / len(codes), codes)

    def means(self, values: sparse.csr_matrix | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean of each column of ``values`` (n_cells, n_columns) in each type."""
        weights = 1.0 / np.bincount(self.codes)[self.codes]
        shape = (len(self.types), len(self.codes))
        average = sparse.csr_matrix((weights, (self.codes, np.arange(len(self.codes)))), shape=shape)
        means = average @ values
        return np.asarray(means.todense() if sparse.issparse(means) else means, dtype=np.float64)

    def draw(self, n_cells: int, rng: np.random.Generator) -> NDArray[np.str_]:
        """Return randomly drawn types, (n_cells,)."""
        return self.types[rng.choice(len(self.types), size=n_cells, p=self.shares)]

    def number(self, labels: NDArray[np.str_]) -> NDArray[np.intp]:
        """Return the number of each given type, (n_cells,)."""
        return np.searchsorted(self.types, labels)


@dataclass(frozen=True)
class PoissonNull:
    r"""Independent Poisson counts with the means of the training cells' types.

    .. math:: t \sim \mathrm{Cat}(p), \quad c_j \sim \mathrm{Poisson}(\mu_{tj})

    Neither the correlation of genes nor the variation of library sizes is kept. Genes outside the selection
    enter only through their sum, which is Poisson too.

    Attributes
    ----------
    mix
        Types and shares.
    means
        Mean counts of the selected genes, (n_types, n_selected).
    rest
        Mean counts of all other genes together, (n_types,).
    """

    mix: TypeMix
    means: NDArray[np.float64]
    rest: NDArray[np.float64]

    @classmethod
    def fit(cls, counts: sparse.csr_matrix, totals: NDArray[np.float64], labels: NDArray[np.str_]) -> Self:
        """Average training cells.

        Parameters
        ----------
        counts
            Counts of the selected genes, (n_cells, n_selected).
        totals
            Counts of each cell over all genes, (n_cells,).
        labels
            Type of each cell, (n_cells,).
        """
        mix = TypeMix.of(labels)
        means = mix.means(counts)
        return cls(mix, means, np.maximum(mix.means(totals[:, None])[:, 0] - means.sum(axis=1), 0.0))

    def narrowed(self, genes: NDArray[np.integer[Any]]) -> Self:
        """Return the generator of some genes, numbers (n_selected,); library sizes stay those over all genes."""
        kept = self.means[:, genes]
        rest = self.rest + self.means.sum(axis=1) - kept.sum(axis=1)
        return replace(self, means=kept, rest=np.maximum(rest, 0.0))

    def sample(self, n_cells: int, rng: np.random.Generator) -> Cells:
        """Return new cells, normalised like real ones."""
        return self.of_types(self.mix.draw(n_cells, rng), rng)

    def of_types(self, labels: NDArray[np.str_], rng: np.random.Generator) -> Cells:
        """Return one new cell of each given type, (n_cells,), normalised like real ones."""
        codes = self.mix.number(labels)
        counts = rng.poisson(self.means[codes]).astype(np.float64)
        totals = counts.sum(axis=1) + rng.poisson(self.rest[codes])
        log_expr = log1p_cp10k(sparse.csr_matrix(counts), totals=np.maximum(totals, 1.0))
        return Cells(log_expr, labels, totals)


@dataclass(frozen=True)
class NormalNull:
    r"""Independent normal log values with the means and variances of the training cells' types.

    .. math:: t \sim \mathrm{Cat}(p), \quad x_j \sim \max(0, N(\mu_{tj}, \sigma^2_{tj}))

    Stands in for :class:`PoissonNull` where no counts are known.

    Attributes
    ----------
    mix
        Types and shares.
    means
        Mean log expression of the selected genes, (n_types, n_selected).
    deviations
        Standard deviations, (n_types, n_selected).
    """

    mix: TypeMix
    means: NDArray[np.float64]
    deviations: NDArray[np.float64]

    @classmethod
    def fit(cls, log_expr: sparse.csr_matrix, labels: NDArray[np.str_]) -> Self:
        """Average the log values (n_cells, n_selected) of training cells with the given labels (n_cells,)."""
        mix = TypeMix.of(labels)
        values = log_expr.astype(np.float64)
        means = mix.means(values)
        variances = mix.means(values.multiply(values).tocsr()) - means**2
        return cls(mix, means, np.sqrt(np.maximum(variances, 0.0)))

    def narrowed(self, genes: NDArray[np.integer[Any]]) -> Self:
        """Return the generator of some genes, numbers (n_selected,)."""
        return replace(self, means=self.means[:, genes], deviations=self.deviations[:, genes])

    def sample(self, n_cells: int, rng: np.random.Generator) -> Cells:
        """Return new cells."""
        return self.of_types(self.mix.draw(n_cells, rng), rng)

    def of_types(self, labels: NDArray[np.str_], rng: np.random.Generator) -> Cells:
        """Return one new cell of each given type, (n_cells,)."""
        codes = self.mix.number(labels)
        values = np.maximum(rng.normal(self.means[codes], self.deviations[codes]), 0.0)
        return Cells(sparse.csr_matrix(values, dtype=np.float32), labels)


def copies(cells: Cells, n_cells: int, rng: np.random.Generator) -> Cells:
    """Return ``n_cells`` cells drawn with replacement: the generator that only memorises."""
    return cells.take(rng.integers(len(cells), size=n_cells))


def shuffled(cells: Cells, rng: np.random.Generator) -> Cells:
    """Return the same cells with their labels permuted: the generator that takes no notice of types."""
    return replace(cells, labels=rng.permutation(cells.labels))
