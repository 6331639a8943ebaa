"""Models that are told the type of every cell they make."""

from abc import abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from scgarage.models.base import GenerativeModel
from scgarage.models.drawn import Drawn
from scgarage.models.spec import Wanted

__all__ = ["CHUNK", "ModelByType", "types_wanted"]

CHUNK = 1024
"""Cells drawn at a time, which bounds memory."""


class ModelByType(GenerativeModel):
    """Turns a request into the type of each cell; a subclass writes :meth:`draw_cells`.

    A plain number of cells comes in the proportions of the training cells, as exactly as whole numbers allow, and in
    random order.
    """

    @abstractmethod
    def draw_cells(
        self, labels: NDArray[np.int64], generator: torch.Generator, rng: np.random.Generator
    ) -> sparse.csr_matrix:
        """Return values of all genes, ``(n_cells, n_all_genes)``, for type numbers ``(n_cells,)``."""

    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        """Draw cells, a limited number at a time."""
        shares = np.array([self.about["type_counts"][name] for name in self.types], dtype=np.float64)
        labels = types_wanted(wanted, self.types, shares, rng)
        parts = [
            self.draw_cells(labels[start : start + CHUNK], generator, rng) for start in range(0, len(labels), CHUNK)
        ]
        values = sparse.csr_matrix(sparse.vstack(parts), dtype=np.float32)
        return Drawn(values, np.asarray(self.types)[labels])


def types_wanted(
    wanted: Wanted, types: tuple[str, ...], sizes: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the type number of each cell to make, ``(n_cells,)``.

    Parameters
    ----------
    wanted
        A number of cells, or numbers by type.
    types
        Names of the types.
    sizes
        Training cells of each type, ``(n_types,)``: a plain number is divided in these proportions; what whole numbers
        leave over is drawn at random.
    rng
        Source of the order and of what is left over.
    """
    if not isinstance(wanted, int):
        numbers = np.array([types.index(str(name)) for name in wanted])
        return np.repeat(numbers, np.array(list(wanted.values())))
    exact = wanted * sizes / sizes.sum()
    counts = np.floor(exact).astype(np.int64)
    left = wanted - int(counts.sum())
    if left:
        rest = exact - counts
        counts[rng.choice(len(types), size=left, replace=False, p=rest / rest.sum())] += 1
    return rng.permutation(np.repeat(np.arange(len(types)), counts))
