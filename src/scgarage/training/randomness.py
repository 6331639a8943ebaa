"""Randomness that touches nothing outside: the global generators keep their states."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

__all__ = ["reseed", "seeded"]


def reseed(random_state: int | Sequence[int]) -> None:
    """Seed torch's generators of the CPU and of the current accelerator.

    Only for use inside :func:`seeded`, which puts back the states from before.

    Parameters
    ----------
    random_state
        Seed >= 0, or several numbers that make one together, such as seed and iteration.
    """
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
