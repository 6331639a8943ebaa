"""How many processor threads a training uses."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one processor thread inside the block.

    For small networks: their operations take microseconds, and a second thread that another program keeps from running
    makes every one of them wait: on busy cores the adversarial stage of the default model took minutes, not seconds.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
