"""Models that generate log-normalised expression of the selected genes."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import SamplingError
from scgarage.models.background import HurdleBackground, PoissonBackground
from scgarage.models.base import GenerativeModel
from scgarage.models.by_type import ModelByType
from scgarage.models.data import TrainingData
from scgarage.models.drawn import Drawn
from scgarage.models.labelling import LabelClassifier
from scgarage.models.library_size import LibrarySizes
from scgarage.models.options import FitOptions
from scgarage.models.spec import Wanted
from scgarage.preprocess import counts_from_log_expr
from scgarage.schema import UNSURE

__all__ = ["ConditionalModel", "GeneSpaceModel", "UnconditionalModel"]

CHUNK = 2048
"""Cells generated at a time, which bounds memory."""


class GeneSpaceModel(GenerativeModel):
    """Adds to generated expression what the generator does not give: counts, and genes outside the selection.

    Counts are the generated CP10k values times a library size drawn for the type, rounded. Genes outside the selection
    are drawn independently given the type.
    """

    def build(self, data: TrainingData, options: FitOptions) -> None:  # noqa: ARG002  (subclasses use the options)
        """Fit the library sizes and the background on training cells."""
        n_types = len(data.types)
        self.parts = {}
        if data.totals is not None:
            self.parts["library_sizes"] = LibrarySizes.fit(data.totals, data.labels, n_types)
        if not data.modelled.all():
            kind = self.parts_for(data.value_kind)["background"]
            rest = data.values[:, np.flatnonzero(~data.modelled)]
            self.parts["background"] = kind.fit(rest, data.totals, data.labels, n_types)

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:
        """Return the classes of the fitted parts; counts and log values have different backgrounds."""
        counts = value_kind == "counts"
        background = PoissonBackground if counts else HurdleBackground
        return dict(self.parts_types) | {"background": background} | ({"library_sizes": LibrarySizes} if counts else {})

    def _complete(
        self,
        log_expr: NDArray[np.float32],
        numbers: NDArray[np.int64],
        rng: np.random.Generator,
        *,
        totals: NDArray[np.float64] | None = None,
    ) -> sparse.csr_matrix:
        """Return all genes, as counts when the model was fitted on counts; without ``totals`` they are drawn."""
        if totals is None and "library_sizes" in self.parts:
            totals = self.parts["library_sizes"].draw(numbers, rng)
        values = sparse.csr_matrix(log_expr if totals is None else self._counts(log_expr, totals, rng))
        return self._with_background(values, numbers, totals, rng)

    def _with_background(
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
        modelled = self._modelled()
        order = np.empty(len(modelled), dtype=np.int64)
        order[np.concatenate([np.flatnonzero(modelled), np.flatnonzero(~modelled)])] = np.arange(len(modelled))
        ordered: sparse.csr_matrix = both[:, order]
        return ordered

    def _counts(
        self,
        log_expr: NDArray[np.float32],
        totals: NDArray[np.float64],
        rng: np.random.Generator,  # noqa: ARG002  (for subclasses that draw)
    ) -> NDArray[np.float32]:
        """Return counts of the modelled genes, ``(n_cells, n_genes)``, for given library sizes."""
        return counts_from_log_expr(log_expr, totals)


class ConditionalModel(GeneSpaceModel, ModelByType):
    """A model of gene space that is told the types of the cells; a subclass writes :meth:`generate`."""

    @abstractmethod
    def generate(self, labels: NDArray[np.int64], generator: torch.Generator) -> NDArray[np.float32]:
        """Return log1p CP10k of the modelled genes, ``(n_cells, n_genes)``, for type numbers ``(n_cells,)``."""

    def draw_cells(
        self, labels: NDArray[np.int64], generator: torch.Generator, rng: np.random.Generator
    ) -> sparse.csr_matrix:
        """Generate cells and complete them."""
        return self._complete(self.generate(labels, generator), labels, rng)


class UnconditionalModel(GeneSpaceModel):
    """Adds labels to generated expression.

    Labels come from a classifier trained on real training cells; a cell whose best type has a probability below
    ``config.label_threshold`` is called ``"unsure"``.
    """

    parts_types: ClassVar[Mapping[str, type[Any]]] = {"classifier": LabelClassifier}

    @abstractmethod
    def generate(self, n_cells: int, generator: torch.Generator, *, label: int | None = None) -> NDArray[np.float32]:
        """Return log1p CP10k of the modelled genes, ``(n_cells, n_genes)``; ``label`` may steer towards a type."""

    def generate_sized(
        self,
        n_cells: int,
        generator: torch.Generator,
        rng: np.random.Generator,  # noqa: ARG002  (for subclasses that draw library sizes first)
        *,
        label: int | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
        """Return what :meth:`generate` does and, when it depends on them, the library sizes, ``(n_cells,)``."""
        return self.generate(n_cells, generator, label=label), None

    def build(self, data: TrainingData, options: FitOptions) -> None:
        """Fit the classifier, the library sizes and the background on training cells."""
        super().build(data, options)
        classifier = LabelClassifier.fit(data.log_expr, data.labels, random_state=self.config.random_state)
        self.parts = {"classifier": classifier} | self.parts

    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        """Draw cells; single types are drawn by keeping the cells that the classifier gives to the type."""
        if isinstance(wanted, int):
            sizes = [min(CHUNK, wanted - start) for start in range(0, wanted, CHUNK)]
            return _join([self._draw(size, generator, rng) for size in sizes])
        return _join([self._draw_type(str(name), number, generator, rng) for name, number in wanted.items()])

    def _draw(
        self, n_cells: int, generator: torch.Generator, rng: np.random.Generator, label: int | None = None
    ) -> Drawn:
        log_expr, totals = self.generate_sized(n_cells, generator, rng, label=label)
        probabilities = self.parts["classifier"].probabilities(log_expr)
        best = probabilities.argmax(axis=1)
        probability = probabilities[np.arange(n_cells), best]
        numbers = np.where(probability >= self.config.label_threshold, best, -1)
        labels = np.where(numbers >= 0, np.asarray(self.types)[best], UNSURE)
        return Drawn(self._complete(log_expr, numbers, rng, totals=totals), labels, probability)

    def _draw_type(self, name: str, n_cells: int, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        kept: list[Drawn] = []
        found = tried = 0
        label = self.types.index(name)
        limit = max(self.config.max_draws_per_cell * n_cells, CHUNK)
        while found < n_cells:
            if tried >= limit:
                msg = (
                    f"asked for {n_cells} {name!r} cells, {self.name} made {found} in {tried} draws: "
                    "it hardly produces this type. Ask for fewer, raise max_draws_per_cell, or use another model"
                )
                raise SamplingError(msg)
            batch = self._draw(CHUNK, generator, rng, label=label)
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
