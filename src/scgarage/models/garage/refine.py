"""The adversarial stage: a generator that bends jittered seeds where a normal distribution does not fit."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Adam

from scgarage.errors import InputError
from scgarage.losses import R1, R2, Balanced, Game, Relativistic, SpectralNorm, objective_named, penalties_named
from scgarage.nn import ProjectionCritic, mlp
from scgarage.training import Batch, Losses, Phase

__all__ = ["REAL", "START", "TYPE", "Refiner", "critic", "paired", "refining_game", "refining_phases"]

START, REAL, TYPE = "start", "real", "type"
"""Columns of the batches: positions that the latent distribution gives, positions of real cells, type numbers."""


class Refiner(nn.Module):
    r"""Hybrid batch in, latent positions out.

    .. math:: G(x, \epsilon, t) = x + R(x, \epsilon, t)

    with a jittered seed :math:`x`, noise :math:`\epsilon` and type :math:`t`. The last layer of :math:`R` starts at
    zero, so training starts from the latent distribution itself.

    Parameters
    ----------
    n_dims
        Dimensions of the latent space.
    n_types
        Number of types.
    hidden
        Widths of the hidden layers.
    n_noise
        Dimensions of the noise.
    """

    def __init__(self, n_dims: int, n_types: int, hidden: Sequence[int], n_noise: int) -> None:
        super().__init__()
        self.n_noise = n_noise
        self.embedding = nn.Embedding(n_types, n_noise)
        self.layers = mlp(n_dims + 2 * n_noise, hidden, n_dims)
        last = [module for module in self.layers.modules() if isinstance(module, nn.Linear)][-1]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, start: Tensor, types: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return positions, ``(n_cells, n_dims)``, for starts of that shape and type numbers, ``(n_cells,)``."""
        noise = torch.randn(
            len(start), self.n_noise, generator=generator, device=generator.device if generator else start.device
        )
        bent: Tensor = start + self.layers(torch.cat([start, noise.to(start.device), self.embedding(types)], dim=1))
        return bent


def critic(n_dims: int, n_types: int, hidden: Sequence[int]) -> ProjectionCritic:
    """Return an untrained projection critic of latent positions."""
    features = nn.Sequential(mlp(n_dims, hidden[:-1], hidden[-1]), nn.LeakyReLU(0.2))
    return ProjectionCritic(features, hidden[-1], n_categories=(n_types,))


def refining_game(objective: str | None, penalties: Sequence[str] | None, gamma: float) -> Game:
    """Return objective and penalties: by default the relativistic objective with R1 and R2 of weight ``gamma``.

    Raises
    ------
    InputError
        When a name is unknown, the two do not go together, or the projection critic of positions cannot have them.
    """
    game = Game(
        Relativistic() if objective is None else objective_named(objective),
        (R1(gamma), R2(gamma)) if penalties is None else penalties_named(penalties),
    )
    moves = isinstance(game.objective, Balanced) and game.objective.moves
    if game.objective.critic_output != "score" or moves:
        msg = f"garage's critic scores positions given the type; objective={objective!r} wants another one; use gan"
        raise InputError(msg)
    if any(isinstance(penalty, SpectralNorm) for penalty in game.penalties):
        msg = "garage's critic has no spectral normalisation; use 'gradient-penalty', 'r1', 'r2' or 'weight-clipping'"
        raise InputError(msg)
    return game


def refining_phases(
    networks: nn.ModuleDict,
    *,
    learning_rate: float,
    gamma: float,
    objective: str | None = None,
    penalties: Sequence[str] | None = None,
) -> list[Phase]:
    """Return critic and generator steps of an objective, by default the relativistic one with R1 and R2.

    Parameters
    ----------
    networks
        ``"generator"``, a :class:`Refiner`, and ``"critic"``.
    learning_rate
        Adam's learning rate of both.
    gamma
        Weight of the two gradient penalties.
    objective, penalties
        Names in place of these; see :func:`refining_game`.
    """
    game = refining_game(objective, penalties, gamma)

    def critic_losses(judge: nn.Module, batch: Batch) -> Losses:
        types = batch[TYPE]
        with torch.no_grad():
            fake = networks["generator"](batch[START], types)
        on_real, on_fake = judge(torch.cat([batch[REAL], fake]), torch.cat([types, types])).chunk(2)
        adversarial = game.objective.critic_loss(on_real, on_fake)
        penalty = sum(p.loss(lambda cells: judge(cells, types), batch[REAL], fake) for p in game.penalties)
        return {"loss": adversarial + penalty, "adversarial": adversarial}

    def generator_losses(generator: nn.Module, batch: Batch) -> Losses:
        types = batch[TYPE]
        fake = generator(batch[START], types)
        on_real, on_fake = networks["critic"](torch.cat([batch[REAL], fake]), torch.cat([types, types])).chunk(2)
        return {"loss": game.objective.generator_loss(on_fake, on_real)}

    phases = []
    for name, losses in (("critic", critic_losses), ("generator", generator_losses)):
        optimizer = Adam(networks[name].parameters(), lr=learning_rate, betas=(0.0, 0.99), fused=True)
        after = partial(game.after_critic_step, networks[name]) if name == "critic" else None
        phases.append(Phase(name, networks[name], optimizer, losses, after_step=after))
    return phases


def paired(starts: Tensor, codes: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
    """Shuffle starts within strata, so that none is paired with the very cell that it came from.

    Parameters
    ----------
    starts
        Jittered seeds, (n_cells, n_dims).
    codes
        Their strata, (n_cells,).
    rng
        Source of randomness.
    """
    shuffled = rng.permutation(len(codes))
    order = np.empty(len(codes), dtype=np.int64)
    order[np.argsort(codes, kind="stable")] = shuffled[np.argsort(codes[shuffled], kind="stable")]
    return starts[torch.from_numpy(order)]
