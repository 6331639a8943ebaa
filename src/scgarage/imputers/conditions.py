"""Cell type and technology as one-hot columns."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.imputers.cells import Cells
from scgarage.imputers.clusters import leiden_clusters, neighbour_adjacency
from scgarage.preprocess import Components

__all__ = ["Conditions"]


@dataclass(frozen=True)
class Conditions:
    """What the networks are told about a cell besides its expression.

    Attributes
    ----------
    types, batches
        Known names, sorted; empty when there are none.
    components, centres
        Principal components, and centre of each cluster in them, when Leiden clusters stand in for missing types.
    """

    types: tuple[str, ...]
    batches: tuple[str, ...]
    components: Components | None = None
    centres: NDArray[np.float32] | None = None

    @classmethod
    def fit(cls, cells: Cells, *, n_components: int = 30, random_state: int = 0) -> Self:
        """Learn the names; without types, cluster the cells."""
        batches = () if cells.batches is None else tuple(np.unique(cells.batches).tolist())
        if cells.types is not None:
            return cls(tuple(np.unique(cells.types).tolist()), batches)
        components = Components.fit(cells.log_expr, n_components, random_state=random_state)
        points = components.transform(cells.log_expr)
        clusters = leiden_clusters(neighbour_adjacency(points), random_state=random_state)
        centres = np.stack([points[clusters == number].mean(axis=0) for number in range(int(clusters.max()) + 1)])
        return cls(tuple(f"cluster_{number}" for number in range(len(centres))), batches, components, centres)

    @property
    def n_columns(self) -> int:
        """Number of columns of :meth:`encode`."""
        return len(self.types) + len(self.batches)

    def encode(self, cells: Cells) -> NDArray[np.float32]:
        """Return the conditions of cells, types first, float32 ``(n_cells, n_columns)`` of zeros and ones.

        Where clusters stand in for types, a cell belongs to the cluster with the nearest centre; so do the cells of
        the fit, or the same cell would have two answers.

        Raises
        ------
        InputError
            For a type or batch that the fit did not see.
        """
        columns = [np.eye(len(self.types), dtype=np.float32)[self._type_codes(cells)]]
        if self.batches and cells.batches is not None:
            columns.append(np.eye(len(self.batches), dtype=np.float32)[self.batch_codes(cells.batches)])
        return np.concatenate(columns, axis=1)

    def codes(self, cells: Cells) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return numbers of type and batch, int64 ``(n_cells,)`` each; without batches the second are zeros.

        Raises
        ------
        InputError
            For a type or batch that the fit did not see.
        """
        types = self._type_codes(cells).astype(np.int64)
        if not self.batches or cells.batches is None:
            return types, np.zeros_like(types)
        return types, self.batch_codes(cells.batches)

    def batch_codes(self, batches: NDArray[np.str_]) -> NDArray[np.int64]:
        """Return the number of the batch of each cell, int64 ``(n_cells,)``.

        Raises
        ------
        InputError
            For a batch that the fit did not see.
        """
        return _codes(batches, self.batches, "batch").astype(np.int64)

    def _type_codes(self, cells: Cells) -> NDArray[np.intp]:
        if self.components is None or self.centres is None:
            return _codes(np.asarray([]) if cells.types is None else cells.types, self.types, "cell type")
        points = self.components.transform(cells.log_expr)
        # |x - c|^2 without its first part, which is the same for all centres
        scores = np.square(self.centres).sum(axis=1) - 2 * points @ self.centres.T
        return np.asarray(scores.argmin(axis=1))


def _codes(values: NDArray[np.str_], known: tuple[str, ...], noun: str) -> NDArray[np.intp]:
    unknown = sorted(set(values.tolist()) - set(known))
    if unknown:
        found = ", ".join(map(repr, unknown[:5]))
        msg = f"the fit saw no {noun} {found}; it saw: {', '.join(map(repr, known))}; fit with these cells too"
        raise InputError(msg)
    return np.searchsorted(np.asarray(known), values)
