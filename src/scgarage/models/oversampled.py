"""Random oversampling as a step before any model."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from scgarage.models.base import FitOptions, GenerativeModel, Learned
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.gan import Gan
from scgarage.models.spec import Drawn, Wanted
from scgarage.models.vae import Vae
from scgarage.schema import UNSURE
from scgarage.training import Phase

POOL = 3
"""Cells drawn for each one asked for, when the proportions of the training cells are put back."""


def oversample(data: TrainingData, rng: np.random.Generator) -> TrainingData:
    """Repeat cells of each type at random until it has as many as the most abundant one; all cells stay."""
    sizes = np.bincount(data.labels, minlength=len(data.types))
    extra = [
        rng.choice(np.flatnonzero(data.labels == number), size=int(sizes.max() - size))
        for number, size in enumerate(sizes)
        if size
    ]
    rows = np.concatenate([np.arange(data.n_cells), *extra])
    return replace(
        data,
        values=data.values[rows],
        log_expr=data.log_expr[rows],
        labels=data.labels[rows],
        totals=None if data.totals is None else data.totals[rows],
        names=tuple(data.names[row] for row in rows),
        batches=data.batches[rows] if len(data.batches) else data.batches,
    )


class Oversampled(GenerativeModel):
    """A wrapper round the model of class ``inner``: it shows the model as many cells of each type.

    What the model learns from is balanced, and so is what it makes. A plain number of cells is therefore drawn from a
    pool of three times as many, with the chances that put the proportions of the training cells back; ask for numbers
    by type for anything else. Genes are selected on the cells as they were.
    """

    inner: ClassVar[type[GenerativeModel]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        others = [
            base for base in cls.__bases__ if issubclass(base, GenerativeModel) and not issubclass(base, Oversampled)
        ]
        if others:
            text = f"class {cls.__name__}(Oversampled, {others[0].__name__}): set inner = {others[0].__name__} instead"
            warnings.warn(f"{text}; the old way works until 0.3", DeprecationWarning, stacklevel=2)
            cls.inner = others[0]
        for name in ("Config", "needs_labels", "needs_counts", "knows_batches", "makes_all_genes", "extra"):
            setattr(cls, name, getattr(cls.inner, name))

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> Learned:
        """Let the model learn from the oversampled cells."""
        model = self._model()
        learned = model.learn(oversample(data, np.random.default_rng(self.config.random_state)), validation, options)
        self.parts, self.sizes, self.networks = model.parts, model.sizes, model.networks
        return learned

    def skeleton(self) -> nn.ModuleDict:
        """Return the networks of the model."""
        return self._model().skeleton()

    def phases(self) -> list[Phase]:
        """Return the phases of the model."""
        return self._model().phases()

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:
        """Return the classes of the model's parts."""
        return self._model().parts_for(value_kind)

    def _model(self) -> GenerativeModel:
        """Return the model in the state of this one, under this one's name."""
        model = self.inner(self.config)
        model.name = self.name  # type: ignore[misc]  # what messages and progress call it
        model.parts, model.sizes, model.networks = self.parts, self.sizes, self.networks
        model.about, model.modelled, model.history = self.about, self.modelled, self.history
        return model

    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        """Draw cells; a plain number in the proportions of the training cells."""
        model = self._model()
        if not isinstance(wanted, int):
            return model.draw(wanted, generator, rng)
        pool = model.draw(POOL * wanted, generator, rng)
        rows = self._thin(np.asarray(pool.labels), wanted, rng)
        return Drawn(
            pool.values[rows],
            np.asarray(pool.labels)[rows],
            None if pool.probability is None else pool.probability[rows],
        )

    def _thin(self, labels: NDArray[np.str_], n_cells: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Pick cells so that types come near their training shares; unsure cells keep their own share."""
        names, numbers, found = np.unique(labels, return_inverse=True, return_counts=True)
        counts = self.about["type_counts"]
        n_train = sum(counts.values())
        unsure = float(np.mean(labels == UNSURE))
        shares = np.array([unsure if name == UNSURE else (1 - unsure) * counts[name] / n_train for name in names])
        exact = shares / shares.sum() * n_cells
        taken = np.minimum(found, np.floor(exact).astype(np.int64))
        ranks = np.empty(len(labels), dtype=np.int64)
        order = np.lexsort((rng.random(len(labels)), numbers))
        ranks[order] = np.arange(len(labels)) - np.repeat(np.cumsum(found) - found, found)
        chosen = ranks < taken[numbers]
        # What rounding leaves over, or a type that the model hardly makes, is filled from the rest by the same shares.
        rest = np.flatnonzero(~chosen)
        weights = (exact / found)[numbers[rest]]
        left = n_cells - int(chosen.sum())
        more = rng.choice(rest, size=left, replace=False, p=weights / weights.sum()) if left else rest[:0]
        return rng.permutation(np.concatenate([np.flatnonzero(chosen), more]))


class GanRos(Oversampled):
    """The GAN after random oversampling of every type to the majority count.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.GanRos(n_iterations=2, n_top_genes=100, validate_every=2)
    >>> model.fit(sg.datasets.pbmc68k(), labels_key="cell_type").sample(5).shape
    (5, 765)
    """

    name = "gan-ros"
    inner = Gan


class VaeRos(Oversampled):
    """The VAE after random oversampling of every type to the majority count.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.VaeRos(n_iterations=2, n_top_genes=100, validate_every=2)
    >>> model.fit(sg.datasets.pbmc68k(), labels_key="cell_type").sample(5).shape
    (5, 765)
    """

    name = "vae-ros"
    inner = Vae
