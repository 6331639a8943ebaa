"""Training cells drawn again: fidelity by copying."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.models.data import TrainingData
from scgarage.models.kept_cells import KeptCells
from scgarage.models.options import FitOptions
from scgarage.models.without_networks import EstimatedModel

__all__ = ["Bootstrap", "BootstrapConfig"]


@dataclass(frozen=True)
class BootstrapConfig:
    """Settings of :class:`Bootstrap`.

    Attributes
    ----------
    kept
        Share of the molecules that a copy keeps; 1 copies exactly (ours).
    random_state
        Seed of the share that is put aside for validation.
    """

    kept: float = 0.9
    random_state: int = 0
    n_top_genes: ClassVar[int | None] = None
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"published": {}, "tuned": {}}

    def __post_init__(self) -> None:
        if not 0 < self.kept <= 1:
            msg = f"kept is a share of molecules and must lie in (0, 1]; found {self.kept}"
            raise InputError(msg)


class Bootstrap(EstimatedModel):
    """The copy extreme: training cells drawn with replacement and thinned.

    Every molecule of a copied cell stays with probability ``kept``; library sizes are that much smaller, nothing is
    scaled up again. Of log-normalised values, which hold no molecules, every value above zero stays with that
    probability. Such cells look like real ones to every measure of fidelity and are no new cells: what detects
    copies must reject this model. Never share them as synthetic data.

    A saved model holds the training cells.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.Bootstrap().fit(sg.datasets.pbmc68k(), labels_key="cell_type")
    >>> model.sample({"Dendritic": 5}).shape
    (5, 765)
    """

    name = "bootstrap"
    Config: ClassVar[type[Any]] = BootstrapConfig
    parts_types: ClassVar[Mapping[str, type[Any]]] = {"cells": KeptCells}

    def build(self, data: TrainingData, options: FitOptions) -> None:  # noqa: ARG002  (one interface)
        """Keep the training cells."""
        self.parts = {"cells": KeptCells.of(data.values, data.labels, len(data.types))[0]}

    def draw_cells(
        self,
        labels: NDArray[np.int64],
        generator: torch.Generator,  # noqa: ARG002  (one interface)
        rng: np.random.Generator,
    ) -> sparse.csr_matrix:
        """Copy and thin."""
        cells: KeptCells = self.parts["cells"]
        copies = cells.matrix()[cells.pick(labels, rng)]
        if self.about["value_kind"] == "counts":
            copies.data = rng.binomial(copies.data.astype(np.int64), self.config.kept).astype(np.float32)
        else:
            copies.data = copies.data * (rng.random(len(copies.data)) < self.config.kept)
        copies.eliminate_zeros()
        return copies
