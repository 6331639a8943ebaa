"""Interpolation between cells of one type, as oversampling does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from scgarage.errors import InputError
from scgarage.models.data import TrainingData
from scgarage.models.kept_cells import KeptCells
from scgarage.models.options import FitOptions
from scgarage.models.without_networks import EstimatedModel
from scgarage.preprocess import counts_from_log_expr, log1p_cp10k

__all__ = ["Smote", "SmoteConfig", "SmoteNeighbours", "interpolate"]


@dataclass(frozen=True)
class SmoteConfig:
    """Settings of :class:`Smote`.

    Attributes
    ----------
    n_top_genes
        Highly variable genes that neighbours are sought on; all genes are interpolated (ours; SMOTE: all genes).
    n_neighbors
        Neighbours that a cell may be mixed with, fewer in small types (SMOTE and imbalanced-learn: 5).
    random_state
        Seed of the share that is put aside for validation.
    """

    n_top_genes: int | None = None
    n_neighbors: int = 5
    random_state: int = 0
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"published": {}, "tuned": {}}

    def __post_init__(self) -> None:
        if self.n_neighbors < 1:
            msg = f"n_neighbors must be at least 1; found {self.n_neighbors}"
            raise InputError(msg)


@dataclass(frozen=True)
class SmoteNeighbours:
    """What is kept about the training cells besides their expression.

    Attributes
    ----------
    rows
        Numbers of the nearest cells of the same type, (n_cells, n_neighbors); only the first ``n_found`` count.
    n_found
        Neighbours of each cell, (n_cells,).
    totals
        Library sizes, (n_cells,); ones where there are none.
    """

    rows: NDArray[np.int64]
    n_found: NDArray[np.int64]
    totals: NDArray[np.float64]


class Smote(EstimatedModel):
    r"""Cells between two neighbours of one type, on log1p CP10k.

    .. math:: x = x_i + u\,(x_j - x_i), \qquad u \sim U(0, 1)

    with a random cell :math:`i` of the type and one of its nearest neighbours :math:`j`. This is imbalanced-learn's
    rule; unlike oversampling it makes as many cells of any type as are asked for, of abundant types too. Back to counts
    by the library size on the geometric path between the two cells', rounded. Mixtures of two cells have fewer zeros
    and less variance than cells.

    A saved model holds the training cells.

    References
    ----------
    Chawla et al., JAIR 2002, doi:10.1613/jair.953.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.Smote().fit(sg.datasets.pbmc68k(), labels_key="cell_type")
    >>> model.sample({"Dendritic": 5}).shape
    (5, 765)
    """

    name = "smote"
    Config: ClassVar[type[Any]] = SmoteConfig
    parts_types: ClassVar[Mapping[str, type[Any]]] = {"cells": KeptCells, "neighbours": SmoteNeighbours}

    def build(self, data: TrainingData, options: FitOptions) -> None:  # noqa: ARG002  (one interface)
        """Keep the training cells and find their neighbours."""
        every = data.values if data.totals is None else log1p_cp10k(data.values)
        cells, order = KeptCells.of(every, data.labels, len(data.types))
        points = data.log_expr[order]
        rows = np.zeros((data.n_cells, self.config.n_neighbors), dtype=np.int64)
        found = np.zeros(data.n_cells, dtype=np.int64)
        for end, size in zip(np.cumsum(cells.sizes), cells.sizes, strict=True):
            own = np.arange(end - size, end)
            n_neighbors = min(self.config.n_neighbors, size - 1)
            rows[own, 0] = own  # a type with a single cell
            if n_neighbors:
                nearest = NearestNeighbors(n_neighbors=n_neighbors).fit(points[own])
                rows[own, :n_neighbors] = own[nearest.kneighbors(return_distance=False)]
            found[own] = max(n_neighbors, 1)
        totals = np.ones(data.n_cells) if data.totals is None else data.totals[order]
        self.parts = {"cells": cells, "neighbours": SmoteNeighbours(rows, found, totals)}

    def draw_cells(
        self,
        labels: NDArray[np.int64],
        generator: torch.Generator,  # noqa: ARG002  (one interface)
        rng: np.random.Generator,
    ) -> sparse.csr_matrix:
        """Mix each cell with a neighbour."""
        cells, neighbours = self.parts["cells"], self.parts["neighbours"]
        first = cells.pick(labels, rng)
        second = neighbours.rows[first, rng.integers(neighbours.n_found[first])]
        shares = rng.random(len(labels))
        mixed = interpolate(cells.matrix(), first, second, shares)
        if self.about["value_kind"] != "counts":
            return mixed
        logs = np.log(neighbours.totals)
        totals = np.exp(logs[first] + shares * (logs[second] - logs[first]))
        return sparse.csr_matrix(counts_from_log_expr(mixed.toarray(), totals))


def interpolate(
    log_expr: sparse.csr_matrix, first: NDArray[np.int64], second: NDArray[np.int64], shares: NDArray[np.float64]
) -> sparse.csr_matrix:
    """Return cells at the given shares of the way from the first rows to the second ones, ``(n, n_genes)``.

    Parameters
    ----------
    log_expr
        log1p CP10k, CSR ``(n_cells, n_genes)``.
    first, second
        Row numbers, ``(n,)``.
    shares
        In [0, 1], ``(n,)``.
    """
    return sparse.csr_matrix(sparse.diags(1 - shares) @ log_expr[first] + sparse.diags(shares) @ log_expr[second])
