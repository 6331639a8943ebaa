"""Randomness that touches nothing outside: no function of scgarage seeds the global generators."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["seeded"]


@contextmanager
def seeded(random_state: int) -> Iterator[None]:
    """Run a block with torch's generators seeded, and give the caller's state back afterwards.

    Layers of torch and torch_geometric draw their initial weights and dropout masks from the global generator; this is the
    one way to make them reproducible without changing the state of the user's session.

    Examples
    --------
    >>> with seeded(0):
    ...     a = torch.rand(1)
    >>> with seeded(0):
    ...     b = torch.rand(1)
    >>> bool(a == b)
    True
    """
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(random_state)
        yield
