"""An objective and the penalties of its critic: what the two players of an adversarial training minimise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from scgarage.errors import InputError
from scgarage.losses.objective import Balanced, Objective
from scgarage.losses.penalties import PENALTIES, Critic, Penalty

__all__ = ["Game"]

STATE = "objective_state"
"""Buffer of the critic with the number that a balanced objective moves, so that a checkpoint holds it."""

IMBALANCE = "imbalance"


@dataclass(frozen=True)
class Game:
    r"""The losses of a critic :math:`D` and a generator :math:`G`.

    .. math:: L_D = L_D^{objective} + \sum_p P_p(D), \qquad L_G = L_G^{objective}

    Attributes
    ----------
    objective
        The pair of losses.
    penalties
        What keeps the critic smooth.

    Raises
    ------
    InputError
        When the two do not go together.

    Examples
    --------
    >>> from scgarage.losses import Hinge, R1
    >>> game, critic = Game(Hinge(), (R1(1.0),)), nn.Linear(3, 1)
    >>> losses = game.critic_losses(critic, critic, torch.zeros(4, 3), torch.ones(4, 3))
    >>> sorted(losses)
    ['fake', 'loss', 'real']
    """

    objective: Objective
    penalties: tuple[Penalty, ...] = ()

    def __post_init__(self) -> None:
        output, name = self.objective.critic_output, type(self.objective).__name__
        if self.penalties and output in ("nothing", "reconstruction error"):
            reason = "has no critic" if output == "nothing" else "keeps its autoencoder in check by the balance k"
            way = " or give it a critic by bandwidths (mmd:bandwidths=[1,2,4])" if output == "nothing" else ""
            msg = f"{name} {reason}, so it takes no penalties; leave them out (penalties=[]){way}"
            raise InputError(msg)
        if output == "features" and any(penalty.needs_score for penalty in self.penalties):
            fit = _names(lambda kind: not kind.needs_score)
            msg = f"{name} has a critic of several outputs, and gradient penalties look at one score; use one of {fit}"
            raise InputError(msg)
        if self.objective.needs_lipschitz and not any(penalty.lipschitz for penalty in self.penalties):
            fit = _names(lambda kind: kind.lipschitz and not (output == "features" and kind.needs_score))
            msg = f"the loss of {name} has no lower bound unless its critic is kept Lipschitz; add a penalty: {fit}"
            raise InputError(msg)

    @property
    def has_critic(self) -> bool:
        """Whether there is a critic to train."""
        return self.objective.critic_output != "nothing"

    def prepare(self, critic: nn.Module) -> None:
        """Change a new critic in place as the penalties want it, and give it the buffer of a balanced objective."""
        for penalty in self.penalties:
            penalty.prepare(critic)
        if isinstance(self.objective, Balanced) and self.objective.moves:
            critic.register_buffer(STATE, torch.zeros(()))

    def now(self, critic: nn.Module) -> Objective:
        """Return the objective with the number that ``critic`` holds."""
        state = getattr(critic, STATE, None)
        if state is None or not isinstance(self.objective, Balanced):
            return self.objective
        moved: Objective = self.objective.at(state)
        return moved

    def critic_losses(self, critic: nn.Module, score: Critic, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Return the critic's loss and what the history shall hold.

        Parameters
        ----------
        critic
            The critic, for the number that a balanced objective moves.
        score
            Its outputs for cells, perhaps given their types.
        real, fake
            Real and generated cells as the critic sees them, ``(n_cells, n_genes)`` each.
        """
        objective = self.now(critic)
        # One pass over both halves: half the calls, and DDP allows one forward per backward.
        both = score(torch.cat([real, fake]))
        on_real, on_fake = both[: len(real)], both[len(real) :]
        loss = objective.critic_loss(on_real, on_fake)
        for penalty in self.penalties:
            loss = loss + penalty.loss(score, real, fake)
        losses = {"loss": loss, "real": on_real.mean(), "fake": on_fake.mean()}
        if isinstance(objective, Balanced) and objective.moves:
            losses[IMBALANCE] = objective.imbalance(on_real, on_fake)
        return losses

    def generator_loss(self, critic: nn.Module | None, score: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """Return the generator's loss; arguments as for :meth:`critic_losses`, without a critic the cells are used."""
        if critic is None:
            return self.objective.generator_loss(fake, real)
        objective = self.now(critic)
        if not objective.needs_real_scores:
            return objective.generator_loss(score(fake))
        both = score(torch.cat([real, fake]))
        return objective.generator_loss(both[len(real) :], both[: len(real)])

    def after_critic_step(self, critic: nn.Module, losses: Mapping[str, Tensor]) -> None:
        """Let the penalties change the critic, and move the number of a balanced objective."""
        for penalty in self.penalties:
            penalty.after_step(critic)
        objective = self.now(critic)
        if IMBALANCE in losses and isinstance(objective, Balanced):
            critic.get_buffer(STATE).copy_(objective.next_state(losses[IMBALANCE]))

    @property
    def changes_critic(self) -> bool:
        """Whether :meth:`after_critic_step` has anything to do."""
        return bool(self.penalties) or (isinstance(self.objective, Balanced) and self.objective.moves)


def _names(fits: Callable[[type[Penalty]], bool]) -> str:
    return ", ".join(repr(name) for name, kind in PENALTIES.items() if fits(kind))
