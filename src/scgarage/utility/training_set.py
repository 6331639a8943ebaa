"""The cells that a classifier is trained on, and how they count."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scgarage.preprocess import Components

__all__ = ["N_COMPONENTS", "Comparator", "TrainingSet"]

N_COMPONENTS = 100
"""Principal components of shrunk LDA; the other pipelines use the first 30."""


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Cells with types, as a classifier sees them.

    Attributes
    ----------
    log_expr
        log1p CP10k of the selected genes, float32, (n_cells, n_genes).
    codes
        Number of each cell's type, (n_cells,).
    n_types
        Number of types, with or without training cells.
    balanced_pca
        Whether every type counts the same for the principal components.
    balanced_classifier
        Whether every type counts the same for the classifier.
    """

    log_expr: NDArray[np.float32]
    codes: NDArray[np.intp]
    n_types: int
    balanced_pca: bool = False
    balanced_classifier: bool = False

    @cached_property
    def components(self) -> Components:
        """Principal components fitted on these cells, added ones included."""
        labels = self.codes.astype(np.str_) if self.balanced_pca else None
        return Components.fit(self.log_expr, N_COMPONENTS, labels=labels)

    def rows(self, code: int) -> NDArray[np.float32]:
        """Return the cells of one type, (n_cells_of_type, n_genes)."""
        return np.asarray(self.log_expr[self.codes == code])

    def with_added(self, log_expr: NDArray[np.floating], codes: NDArray[np.intp]) -> Self:
        """Return these cells followed by others."""
        joined = np.concatenate([self.log_expr, log_expr.astype(np.float32)])
        return replace(self, log_expr=joined, codes=np.concatenate([self.codes, codes]))


Comparator: TypeAlias = Callable[[TrainingSet, Mapping[int, int], int], TrainingSet]
"""Real training cells, cells wanted of each type (by its number) and a seed in; a training set out."""
