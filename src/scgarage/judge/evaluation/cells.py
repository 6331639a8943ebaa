"""Cells as the judge sees them, and the null: what cells look like that know nothing but means of types."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from scgarage.io.cells import log1p_cp10k

Index = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Cells:
    """Expression, types and library sizes of some cells."""

    log_expr: sparse.csr_matrix  # log1p CP10k, CSR float32, (n_cells, n_genes)
    labels: NDArray[np.str_]  # type of each cell, (n_cells,)
    # counts of each cell over all genes, (n_cells,); None where no counts are known
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


RARE_SHARE = 0.05
"""A type is rare when its share of the training cells is smaller."""

THEORY = "floor 0.5 by theory"
"""How the note of a memorisation share begins whose floor was not measured."""


def rare_types(labels: NDArray[np.str_]) -> tuple[str, ...]:
    """Return the rare types of training cells with the given labels (n_cells,), rarest first."""
    types, counts = np.unique(labels, return_counts=True)
    rare = counts < RARE_SHARE * len(labels)
    order = np.argsort(counts[rare], kind="stable")
    return tuple(str(name) for name in types[rare][order])


def describe_cells(
    real: Mapping[str, NDArray[np.str_]], synthetic: NDArray[np.str_] | None, *, n_synthetic: int
) -> dict[str, Any]:
    """Return numbers of cells and types as plain values."""
    counts = {"real": _counted(np.concatenate(list(real.values())))}
    described: dict[str, Any] = {f"n_{name}": len(labels) for name, labels in real.items()}
    described |= {"n_synthetic": n_synthetic, "rare_share": RARE_SHARE, "rare_types": list(rare_types(real["train"]))}
    return described if synthetic is None else described | {"type_counts": counts | {"synthetic": _counted(synthetic)}}


def _counted(labels: NDArray[np.str_]) -> dict[str, int]:
    return {str(name): int(n) for name, n in pd.Series(labels).value_counts().items()}


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
    """The types of the training cells and their shares."""

    types: NDArray[np.str_]  # names, (n_types,)
    shares: NDArray[np.float64]  # share of each type among the training cells, (n_types,)
    codes: NDArray[np.intp]  # number of the type of each training cell, (n_cells,)

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
    """

    mix: TypeMix  # types and shares
    means: NDArray[np.float64]  # mean counts of the selected genes, (n_types, n_selected)
    rest: NDArray[np.float64]  # mean counts of all other genes together, (n_types,)

    @classmethod
    def fit(cls, counts: sparse.csr_matrix, totals: NDArray[np.float64], labels: NDArray[np.str_]) -> Self:
        """Average training cells."""
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
    """

    mix: TypeMix  # types and shares
    means: NDArray[np.float64]  # mean log expression of the selected genes, (n_types, n_selected)
    deviations: NDArray[np.float64]  # standard deviations, (n_types, n_selected)

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
