"""Cells as they come out of a model, before they become an AnnData."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["Drawn"]


@dataclass(frozen=True)
class Drawn:
    """Cells drawn from a model.

    Attributes
    ----------
    values
        Counts or log-normalised values of all genes, CSR ``(n_cells, n_all_genes)``.
    labels
        Type of each cell, shape ``(n_cells,)``, strings; ``None`` from a model without types.
    probability
        Probability of the label where a classifier gave it, else ``None``.
    batches
        Batch of each cell, shape ``(n_cells,)``, strings; ``None`` from a model without batches.
    about
        Numbers about this draw that the cells shall carry.
    """

    values: sparse.csr_matrix
    labels: NDArray[np.str_] | None
    probability: NDArray[np.float64] | None = None
    batches: NDArray[np.str_] | None = None
    about: dict[str, int] = field(default_factory=dict)
