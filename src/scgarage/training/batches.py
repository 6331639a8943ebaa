"""Mini-batches as a function of their number, so that a resumed run sees the batches of an unbroken one."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from scgarage.errors import InputError

__all__ = ["Batch", "Batches"]

Batch: TypeAlias = dict[str, Tensor]
"""Tensors by column name, one row per cell; a loss must not change them in place."""


class Batches:
    """Batches of one or more row-aligned columns.

    Every epoch is a permutation that depends on ``random_state`` and the epoch only; batch ``i`` can be
    asked for without making the ones before it. A CSR column is made dense one batch at a time. Columns
    keep their dtype.

    Parameters
    ----------
    columns
        Name to tensor, array or CSR matrix, each with ``n_rows`` rows.
    batch_size
        Rows per batch, cut to ``n_rows``; ``None`` gives all rows every time, in order.
    random_state
        Seed of the permutations.

    Raises
    ------
    InputError
        When there are no rows, the columns have different lengths, or the batch size is below one.

    Examples
    --------
    >>> batches = Batches({"x": torch.arange(6)}, batch_size=2)
    >>> torch.equal(batches.at(7)["x"], batches.at(7)["x"])
    True
    """

    def __init__(
        self,
        columns: Mapping[str, Tensor | NDArray[np.generic] | sparse.csr_matrix],
        *,
        batch_size: int | None,
        random_state: int = 0,
    ) -> None:
        lengths = {name: int(column.shape[0]) for name, column in columns.items()}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            msg = f"columns need the same number of rows, at least one; found {lengths}"
            raise InputError(msg)
        if batch_size is not None and batch_size < 1:
            msg = f"batch_size must be at least 1, or None for all rows; found {batch_size}"
            raise InputError(msg)
        self.columns = dict(columns)
        self.n_rows = next(iter(lengths.values()))
        self.batch_size = None if batch_size is None else min(batch_size, self.n_rows)
        self.random_state = random_state
        self._permutation = lru_cache(maxsize=2)(self._make_permutation)
        self._all_rows: Batch | None = None

    def _make_permutation(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([self.random_state, epoch]).permutation(self.n_rows)

    def rows(self, index: int) -> NDArray[np.int64]:
        """Return the rows of batch ``index``; the incomplete batch that ends an epoch is left out."""
        if self.batch_size is None:
            return np.arange(self.n_rows)
        epoch, position = divmod(index, self.n_rows // self.batch_size)
        start = position * self.batch_size
        return self._permutation(epoch)[start : start + self.batch_size]

    def at(self, index: int) -> Batch:
        """Return batch ``index``, every column as a tensor of shape ``(batch_size, ...)``."""
        if self.batch_size is not None:
            rows = self.rows(index)
            return {name: _take(column, rows) for name, column in self.columns.items()}
        if self._all_rows is None:  # made once: a graph network sees all cells thousands of times
            self._all_rows = {name: _take(column, self.rows(0)) for name, column in self.columns.items()}
        return dict(self._all_rows)


def _take(column: Tensor | NDArray[np.generic] | sparse.csr_matrix, rows: NDArray[np.int64]) -> Tensor:
    if isinstance(column, Tensor):
        return column[torch.from_numpy(rows)]
    taken = column[rows]
    return torch.from_numpy(taken.toarray() if sparse.issparse(taken) else np.ascontiguousarray(taken))
