"""Mini-batches and random numbers as functions of step and seed, which makes resume exact."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from scgarage.errors import InputError


def reseed(random_state: int | Sequence[int]) -> None:
    """Seed torch's generators of the CPU and of the current accelerator."""
    if isinstance(random_state, Sequence):
        seed = int(np.random.SeedSequence(random_state).generate_state(1, np.uint64)[0])
    else:
        seed = int(random_state)
    # Not torch.manual_seed, which also seeds accelerators that nobody uses yet, and those cannot be put back.
    torch.default_generator.manual_seed(seed)
    for accelerator in _accelerators():
        accelerator.manual_seed(seed)


@contextmanager
def seeded(random_state: int | Sequence[int]) -> Iterator[None]:
    """Run a block with torch's generators seeded, and give the caller's state back afterwards.

    Layers of torch and torch_geometric draw their initial weights and dropout masks from the global
    generator; this is the one way to make them reproducible without changing the state of the user's
    session. The generator of the current accelerator takes part once the accelerator is in use.

    Parameters
    ----------
    random_state
        Seed >= 0, or several numbers that make one together.

    Examples
    --------
    >>> with seeded(0):
    ...     a = torch.rand(1)
    >>> with seeded(0):
    ...     b = torch.rand(1)
    >>> bool(a == b)
    True
    """
    accelerators = _accelerators()
    states = [accelerator.get_rng_state() for accelerator in accelerators]
    with torch.random.fork_rng(devices=[]):
        try:
            reseed(random_state)
            yield
        finally:
            for accelerator, state in zip(accelerators, states, strict=True):
                accelerator.set_rng_state(state)


def _accelerators() -> list[Any]:
    """Return the modules of accelerators in use; each seeds and reads the generator of its current device."""
    found: list[Any] = []
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        found.append(torch.cuda)
    if torch.backends.mps.is_available():
        found.append(torch.mps)
    return found


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
