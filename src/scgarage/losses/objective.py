"""What every adversarial objective offers."""

from typing import ClassVar, Literal, Protocol, Self, TypeAlias, runtime_checkable

from torch import Tensor

__all__ = ["Balanced", "CriticOutput", "Objective"]

CriticOutput: TypeAlias = Literal["score", "features", "reconstruction error", "nothing"]
"""What the critic of an objective returns for a cell; with ``"nothing"`` there is no critic."""


class Objective(Protocol):
    """A pair of losses on the critic's outputs; models never switch on its name.

    Attributes
    ----------
    needs_real_scores
        Whether :meth:`generator_loss` also needs the critic's outputs for real cells.
    """

    needs_real_scores: ClassVar[bool]

    @property
    def critic_output(self) -> CriticOutput:
        """What the critic has to return: one score for a cell, unless said otherwise."""
        return "score"

    @property
    def needs_lipschitz(self) -> bool:
        """Whether the critic's loss has a lower bound only while a penalty keeps the critic Lipschitz."""
        return False

    @property
    def shift_invariant(self) -> bool:
        """Whether a constant in the critic's output changes nothing, so that its last layer needs no bias."""
        return False

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the critic minimises."""
        ...

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return what the generator minimises."""
        ...


@runtime_checkable
class Balanced(Protocol):
    """An objective with a number that moves from step to step; a value all the same: moves give the next objective.

    Attributes
    ----------
    moves
        Whether the number moves with these settings.
    """

    @property
    def moves(self) -> bool:
        """Whether the number moves with these settings."""
        ...

    def at(self, state: Tensor) -> Self:
        """Return the objective with the number ``state``."""
        ...

    def imbalance(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the number moves by, from the critic's outputs; its mean over processes is that of all cells."""
        ...

    def next_state(self, imbalance: Tensor) -> Tensor:
        """Return the number of the next step."""
        ...
