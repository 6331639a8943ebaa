"""Distance to validation cells in which expression and type count together."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from scgarage.losses import sliced_wasserstein
from scgarage.preprocess import Components

__all__ = ["JointSpace"]


@dataclass(frozen=True)
class JointSpace:
    """Class-balanced principal components beside the type as one-hot columns.

    A cell of the wrong type lies as far off as cells differ in the components, so a conditional generator that does not
    heed its condition scores badly.

    Attributes
    ----------
    components
        Fitted on training cells.
    height
        Value of the one-hot columns, ``(1,)``: the spread of the training cells.
    n_types
        Number of types, ``(1,)``.
    """

    components: Components
    height: NDArray[np.float32]
    n_types: NDArray[np.int64]

    @classmethod
    def fit(cls, log_expr: sparse.csr_matrix, labels: NDArray[np.int64], n_types: int, *, random_state: int) -> Self:
        """Fit on log1p CP10k of training cells, ``(n_cells, n_genes)``, and their type numbers."""
        components = Components.fit(log_expr, 50, labels=labels.astype(str), random_state=random_state)
        spread = np.sqrt(components.transform(log_expr).var(axis=0).sum())
        return cls(components, np.array([spread], dtype=np.float32), np.array([n_types], dtype=np.int64))

    def place(self, log_expr: sparse.csr_matrix | NDArray[np.floating], labels: NDArray[np.int64]) -> Tensor:
        """Return positions, ``(n_cells, n_components + n_types)``."""
        types = np.eye(int(self.n_types[0]), dtype=np.float32)[labels] * self.height
        return torch.from_numpy(np.hstack([self.components.transform(log_expr), types]))

    def distance(
        self, fake: NDArray[np.float32], real: sparse.csr_matrix, labels: NDArray[np.int64], generator: torch.Generator
    ) -> float:
        """Return the sliced Wasserstein distance of generated from real cells of the same types."""
        return float(sliced_wasserstein(self.place(fake, labels), self.place(real, labels), generator=generator))
