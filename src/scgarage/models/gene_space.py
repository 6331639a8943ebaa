"""Models that generate log-normalised expression of the selected genes; what makes counts of all genes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import softmax

from scgarage.errors import SamplingError
from scgarage.io.cells import counts_from_log_expr
from scgarage.models.data import TrainingData
from scgarage.models.spec import Drawn, Wanted
from scgarage.pp import Components
from scgarage.schema import UNSURE


@dataclass(frozen=True)
class LibrarySizes:
    """Log-normal library sizes per type, kept inside the range seen in training."""

    mean: NDArray[np.float64]  # mean and standard deviation of the log library size, shape (n_types + 1,)
    spread: NDArray[np.float64]
    lowest: NDArray[np.float64]  # range of the log library size, shape (n_types + 1,)
    highest: NDArray[np.float64]

    @classmethod
    def fit(
        cls, totals: NDArray[np.float64], labels: NDArray[np.int64], n_types: int, *, shrinkage: float = 10.0
    ) -> Self:
        """Estimate from library sizes (counts) and type numbers of training cells, both ``(n_cells,)``."""
        logs = np.log(totals)
        groups = [logs[labels == number] for number in range(n_types)]
        pooled = sum(((g - g.mean()) ** 2).sum() for g in groups) / max(len(logs) - n_types, 1)
        variances = [(((g - g.mean()) ** 2).sum() + shrinkage * pooled) / (len(g) - 1 + shrinkage) for g in groups]
        groups.append(logs)
        variances.append(logs.var())
        return cls(
            mean=np.array([g.mean() for g in groups]),
            spread=np.sqrt(variances),
            lowest=np.array([g.min() for g in groups]),
            highest=np.array([g.max() for g in groups]),
        )

    def draw(self, labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw one library size (counts) per cell for type numbers ``(n_cells,)``; -1 means no type."""
        logs = rng.normal(self.mean[labels], self.spread[labels])
        return np.exp(np.clip(logs, self.lowest[labels], self.highest[labels]))


@dataclass(frozen=True)
class PoissonBackground:
    r"""Counts :math:`c_{ij} \sim \mathrm{Poisson}(L_i f_{t(i) j})`."""

    # share of a type's counts that fall on each gene, shape (n_types + 1, n_genes); the last row pools all types
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
    """Log-normalised values: zero with the type's zero fraction, else normal with the type's mean and spread."""

    expressed: NDArray[np.float32]  # share of cells of a type that express each gene, shape (n_types + 1, n_genes)
    mean: NDArray[np.float32]  # mean and standard deviation of the non-zero values, same shape
    spread: NDArray[np.float32]
    smallest: NDArray[np.float32]  # smallest non-zero training value; drawn values are not below it

    @classmethod
    def fit(
        cls, values: sparse.csr_matrix, totals: NDArray[np.float64] | None, labels: NDArray[np.int64], n_types: int
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


@dataclass(frozen=True)
class LabelClassifier:
    """Multinomial logistic regression on class-balanced principal components of real training cells."""

    components: Components  # class-balanced components, so that rare types can be told apart
    coefficients: NDArray[np.float32]  # shape (n_types, n_components)
    intercepts: NDArray[np.float32]  # shape (n_types,)

    @classmethod
    def fit(
        cls, log_expr: sparse.csr_matrix, labels: NDArray[np.int64], *, n_components: int = 50, random_state: int = 0
    ) -> Self:
        """Fit on real training cells, log1p CP10k ``(n_cells, n_genes)``, with the number of each cell's type."""
        from sklearn.linear_model import LogisticRegression

        components = Components.fit(log_expr, n_components, labels=labels.astype(str), random_state=random_state)
        scores = components.transform(log_expr)
        # Axes differ in variance by orders of magnitude; the solver converges on standardised scores.
        spread = scores.std(axis=0) + 1e-6
        model = LogisticRegression(C=0.1, max_iter=2000).fit(scores / spread, labels)
        coefficients, intercepts = model.coef_ / spread, model.intercept_
        if len(coefficients) == 1:  # two types: scikit-learn keeps the second type's log-odds only
            coefficients = np.vstack([np.zeros_like(coefficients), coefficients])
            intercepts = np.concatenate([np.zeros_like(intercepts), intercepts])
        # Memory order decides the last bit of a product; a loaded model must give the same bytes.
        return cls(components, np.ascontiguousarray(coefficients, dtype=np.float32), intercepts.astype(np.float32))

    def probabilities(self, log_expr: sparse.csr_matrix | NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the probability of each type, shape ``(n_cells, n_types)``, rows adding up to one."""
        scores = self.components.transform(log_expr).astype(np.float64)
        return np.asarray(softmax(scores @ self.coefficients.T.astype(np.float64) + self.intercepts, axis=1))


CHUNK = 2048
"""Cells generated at a time, which bounds memory."""


Counter: TypeAlias = Callable[[NDArray[np.float32], NDArray[np.float64], np.random.Generator], NDArray[np.float32]]
"""Makes counts, ``(n_cells, n_genes)``, of generated log1p CP10k for given library sizes, ``(n_cells,)``."""


def rounded_counts(
    log_expr: NDArray[np.float32],
    totals: NDArray[np.float64],
    rng: np.random.Generator,  # noqa: ARG001  (one interface)
) -> NDArray[np.float32]:
    """Return CP10k values times the library size, rounded."""
    return counts_from_log_expr(log_expr, totals)


@dataclass(frozen=True)
class GeneSpace:
    """What makes whole cells of generated expression: counts, and the genes outside the selection.

    Library sizes are drawn for the type; genes outside the selection are drawn independently given the type.
    """

    parts: Mapping[str, Any]  # those of the model, "library_sizes" and "background" among them where there are any
    modelled: NDArray[np.bool_]  # genes that the model generates, (n_all_genes,)

    @staticmethod
    def fit(data: TrainingData) -> dict[str, Any]:
        """Return the parts, fitted on training cells."""
        n_types, parts = len(data.types), dict[str, Any]()
        if data.totals is not None:
            parts["library_sizes"] = LibrarySizes.fit(data.totals, data.labels, n_types)
        if not data.modelled.all():
            rest = data.values[:, np.flatnonzero(~data.modelled)]
            background = GeneSpace.kinds(data.value_kind)["background"]
            parts["background"] = background.fit(rest, data.totals, data.labels, n_types)
        return parts

    @staticmethod
    def kinds(value_kind: str) -> dict[str, type[Any]]:
        """Return the classes of the parts; counts and log values have different backgrounds."""
        if value_kind == "counts":
            return {"background": PoissonBackground, "library_sizes": LibrarySizes}
        return {"background": HurdleBackground}

    def totals(self, numbers: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64] | None:
        """Draw library sizes for type numbers, ``(n_cells,)``; ``None`` where the values are no counts."""
        sizes = self.parts.get("library_sizes")
        return None if sizes is None else sizes.draw(numbers, rng)

    def complete(
        self,
        log_expr: NDArray[np.float32],
        numbers: NDArray[np.int64],
        rng: np.random.Generator,
        *,
        totals: NDArray[np.float64] | None = None,
        counts: Counter = rounded_counts,
    ) -> sparse.csr_matrix:
        """Return all genes, as counts when the model was fitted on counts; without ``totals`` they are drawn."""
        if totals is None:
            totals = self.totals(numbers, rng)
        values = sparse.csr_matrix(log_expr if totals is None else counts(log_expr, totals, rng))
        return self.with_background(values, numbers, totals, rng)

    def with_background(
        self,
        values: sparse.csr_matrix,
        numbers: NDArray[np.int64],
        totals: NDArray[np.float64] | None,
        rng: np.random.Generator,
    ) -> sparse.csr_matrix:
        """Add the genes outside the selection to values of the modelled ones, all in the order of the data."""
        if "background" not in self.parts:
            return values
        both = sparse.hstack([values, self.parts["background"].draw(numbers, totals, rng)], format="csr")
        order = np.empty(len(self.modelled), dtype=np.int64)
        order[np.concatenate([np.flatnonzero(self.modelled), np.flatnonzero(~self.modelled)])] = np.arange(len(order))
        ordered: sparse.csr_matrix = both[:, order]
        return ordered


class Generates(Protocol):
    """Makes log1p CP10k, ``(n_cells, n_genes)``, and library sizes where they depend on each other."""

    def __call__(
        self, n_cells: int, generator: torch.Generator, rng: np.random.Generator, *, label: int | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
        """Return cells; ``label`` may steer towards a type."""


@dataclass(frozen=True)
class Labelled:
    """Cells of a generator that knows no types: labels come from a classifier of real training cells.

    A cell whose best type has a probability below ``threshold`` is called ``"unsure"``.
    """

    space: GeneSpace
    generate: Generates
    types: tuple[str, ...]
    threshold: float
    max_draws_per_cell: int
    name: str  # of the model, for messages
    counts: Counter = rounded_counts

    @staticmethod
    def fit(data: TrainingData, *, random_state: int) -> dict[str, Any]:
        """Return the classifier and the parts of gene space, fitted on training cells."""
        parts = GeneSpace.fit(data)
        return {"classifier": LabelClassifier.fit(data.log_expr, data.labels, random_state=random_state)} | parts

    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        """Draw cells; single types are drawn by keeping the cells that the classifier gives to the type."""
        if isinstance(wanted, int):
            sizes = [min(CHUNK, wanted - start) for start in range(0, wanted, CHUNK)]
            return _join([self._chunk(size, generator, rng) for size in sizes])
        return _join([self._of_type(str(name), number, generator, rng) for name, number in wanted.items()])

    def _chunk(
        self, n_cells: int, generator: torch.Generator, rng: np.random.Generator, label: int | None = None
    ) -> Drawn:
        log_expr, totals = self.generate(n_cells, generator, rng, label=label)
        probabilities = self.space.parts["classifier"].probabilities(log_expr)
        best = probabilities.argmax(axis=1)
        probability = probabilities[np.arange(n_cells), best]
        numbers = np.where(probability >= self.threshold, best, -1)
        labels = np.where(numbers >= 0, np.asarray(self.types)[best], UNSURE)
        values = self.space.complete(log_expr, numbers, rng, totals=totals, counts=self.counts)
        return Drawn(values, labels, probability)

    def _of_type(self, name: str, n_cells: int, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        kept: list[Drawn] = []
        found = tried = 0
        label = self.types.index(name)
        limit = max(self.max_draws_per_cell * n_cells, CHUNK)
        while found < n_cells:
            if tried >= limit:
                msg = (
                    f"asked for {n_cells} {name!r} cells, {self.name} made {found} in {tried} draws: "
                    "it hardly produces this type. Ask for fewer, raise max_draws_per_cell, or use another model"
                )
                raise SamplingError(msg)
            batch = self._chunk(CHUNK, generator, rng, label=label)
            tried += CHUNK
            mine = np.flatnonzero(np.asarray(batch.labels) == name)[: n_cells - found]
            found += len(mine)
            kept.append(_take(batch, mine))
        return _join(kept)


def _take(drawn: Drawn, rows: NDArray[np.int64]) -> Drawn:
    return Drawn(
        drawn.values[rows],
        np.asarray(drawn.labels)[rows],
        None if drawn.probability is None else drawn.probability[rows],
    )


def _join(parts: list[Drawn]) -> Drawn:
    probability = None if parts[0].probability is None else np.concatenate([p.probability for p in parts])
    return Drawn(
        sparse.csr_matrix(sparse.vstack([part.values for part in parts])),
        np.concatenate([np.asarray(part.labels) for part in parts]),
        probability,
    )
