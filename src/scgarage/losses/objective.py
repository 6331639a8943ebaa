"""What every adversarial objective offers."""

from typing import Protocol

from torch import Tensor

__all__ = ["Objective"]


class Objective(Protocol):
    """A pair of losses on the critic's outputs; models never switch on its name."""

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the critic minimises."""
        ...

    def generator_loss(self, fake: Tensor) -> Tensor:
        """Return what the generator minimises."""
        ...
