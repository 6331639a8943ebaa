"""One network's share of a training iteration."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor, nn
from torch.optim import Optimizer

from scgarage.training.batches import Batch

__all__ = ["Losses", "Phase"]

Losses: TypeAlias = dict[str, Tensor]
"""Scalars by name; ``"loss"`` is differentiated, all are written to the history."""


@dataclass
class Phase:
    """What the loop does for one network in every iteration.

    A VAE has one phase; a GAN has two, critic and generator, with their own optimisers and numbers of steps.

    Attributes
    ----------
    name
        Prefix of the history columns, such as ``"critic"``; differs between phases.
    module
        The network that ``optimizer`` updates. The other phases' networks are frozen meanwhile.
    optimizer
        Optimiser of ``module``'s parameters.
    loss
        Function of the network and a batch, both on the device, that returns the losses. It must call the
        network that it is given, and by its ``forward`` only: with several processes that is what adds up
        their gradients. Other networks are reached through the closure.
    n_steps
        Steps per iteration, each on its own batch.
    clip_norm
        Largest gradient norm, or ``None``.
    after_step
        Called without gradients after each step with the losses (means over the processes, on the device):
        weight clipping, balance terms. What it changes must be parameters or buffers of ``module``, or a
        resumed run cannot know it.
    """

    name: str
    module: nn.Module
    optimizer: Optimizer
    loss: Callable[[nn.Module, Batch], Losses]
    n_steps: int = 1
    clip_norm: float | None = None
    after_step: Callable[[Losses], None] | None = None
