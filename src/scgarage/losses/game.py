"""An objective with its penalties, and both from texts such as ``"bce:real_label=0.9"``."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from scgarage.errors import InputError
from scgarage.losses.objectives import Balanced, Objective
from scgarage.losses.penalties import PENALTIES, Critic, Penalty

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

    def apply_to(self, critic: nn.Module) -> None:
        """Change a new critic in place as the penalties want it, and give it the buffer of a balanced objective."""
        for penalty in self.penalties:
            penalty.apply_to(critic)
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


T = TypeVar("T")

SEPARATOR = re.compile(r",(?![^\[]*\])")
"""A comma that is not inside square brackets."""


def from_text(text: object, registry: Mapping[str, Callable[..., T]], *, what: str) -> T:
    """Make a value from its name and perhaps settings.

    Examples
    --------
    >>> from scgarage.losses import OBJECTIVES
    >>> from_text("gradient-penalty:weight=5,one_sided=true", PENALTIES, what="penalties")
    GradientPenalty(weight=5.0, norm=1.0, one_sided=True)
    >>> from_text("mmd:bandwidths=[1,2]", OBJECTIVES, what="objective").bandwidths
    (1, 2)
    """
    if not isinstance(text, str):  # settings come from files too
        msg = f"{what} is given by name, such as {next(iter(registry))!r}; found {text!r}"
        raise InputError(msg)
    name, _, rest = (part.strip() for part in text.partition(":"))
    if name not in registry:
        msg = f"{what} knows no {name!r}; available: {', '.join(map(repr, registry))}"
        raise InputError(msg)
    make = registry[name]
    known = _settings_of(make)
    settings = _settings(rest, known, text=text, what=what)
    return make(**settings)


def as_texts(said: str | Sequence[str]) -> tuple[str, ...]:
    """Return one text or several as a tuple, as settings keep them.

    Examples
    --------
    >>> as_texts("r1:1"), as_texts(["r1:1", "r2:1"])
    (('r1:1',), ('r1:1', 'r2:1'))
    """
    return (said,) if isinstance(said, str) else tuple(said)


def penalties_named(texts: Sequence[str]) -> tuple[Penalty, ...]:
    """Return the penalties of texts such as ``"r1:1"``; see :func:`from_text`."""
    return tuple(from_text(text, PENALTIES, what="penalties") for text in texts)


def _settings_of(make: Callable[..., Any]) -> dict[str, "Field[Any]"]:
    """Return the settings of a dataclass, or those that a partial one leaves open, without its state."""
    kind, given = (make.func, make.args) if isinstance(make, partial) else (make, ())
    known = [field for field in fields(kind) if field.init and field.name not in ("k", "multiplier")]  # type: ignore[arg-type]
    return {field.name: field for field in known[len(given) :]}


def _settings(rest: str, known: Mapping[str, "Field[Any]"], *, text: str, what: str) -> dict[str, Any]:
    if not rest:
        return {}
    pairs = [part.partition("=") for part in SEPARATOR.split(rest)]
    if len(pairs) == 1 and not pairs[0][1] and known:
        pairs = [(next(iter(known)), "=", pairs[0][0])]
    settings = {}
    for name, sign, value in ((name.strip(), sign, value) for name, sign, value in pairs):
        if not sign or name not in known:
            msg = f"{what} {text!r}: no setting {name!r}; it has: {', '.join(known) or 'none'}"
            raise InputError(msg)
        settings[name] = _typed(value.strip(), known[name], text=text, what=what)
    return settings


def _typed(written: str, field: "Field[Any]", *, text: str, what: str) -> Any:
    """Return what is written in the type of the setting's default."""
    default = None if field.default is MISSING else field.default
    try:
        value: Any = json.loads(written)
    except json.JSONDecodeError:
        value = written  # a word
    if isinstance(value, list):
        value = tuple(value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if default is not None and type(value) is not type(default):
        msg = f"{what} {text!r}: {field.name} must be of type {type(default).__name__}; found {value!r}"
        raise InputError(msg)
    return value
