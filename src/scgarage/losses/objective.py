"""What every adversarial objective offers."""

from typing import ClassVar, Protocol

from torch import Tensor

__all__ = ["Objective"]


class Objective(Protocol):
    """A pair of losses on the critic's outputs; models never switch on its name.

    Attributes
    ----------
    needs_real_scores
        Whether :meth:`generator_loss` also needs the critic's outputs for real cells.
    """

    needs_real_scores: ClassVar[bool]

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the critic minimises."""
        ...

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return what the generator minimises."""
        ...
