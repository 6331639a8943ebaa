"""The losses of generator and critic of sequences."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.optim import Adam

from scgarage.losses import GradientPenalty, Wasserstein
from scgarage.nn import TemperatureSchedule
from scgarage.sequences.config import SequenceGanConfig
from scgarage.sequences.networks import SequenceGenerator
from scgarage.training import Batch, Losses, Phase

__all__ = ["CLASS", "CODES", "Adversary"]

CODES, CLASS = "codes", "class"
"""Columns of the batches: letters, int64 ``(n, n_positions)``, and class numbers, int64 ``(n,)``."""


@dataclass(frozen=True)
class Adversary:
    """Generator and critic, and how they take turns.

    Attributes
    ----------
    generator, critic
        The networks.
    config
        Settings.
    n_letters
        Letters of the alphabet.
    conditional
        Whether the critic is told the class.
    """

    generator: SequenceGenerator
    critic: nn.Module
    config: SequenceGanConfig
    n_letters: int
    conditional: bool

    def phases(self) -> list[Phase]:
        """Critic steps, then one generator step, after which the temperature falls."""
        c = self.config
        schedule = TemperatureSchedule(c.first_temperature, c.last_temperature, n_steps=c.n_iterations)
        optimizers = [
            Adam(network.parameters(), lr=c.learning_rate, betas=c.adam_betas)
            for network in (self.critic, self.generator)
        ]
        return [
            Phase("critic", self.critic, optimizers[0], self._critic_losses, n_steps=c.n_critic_steps),
            Phase(
                "generator",
                self.generator,
                optimizers[1],
                self._generator_losses,
                after_step=lambda _: self.generator.anneal(schedule),
            ),
        ]

    def _scores(self, critic: nn.Module, sequences: Tensor, batch: Batch) -> Tensor:
        """Return the critic's outputs for sequences that belong to the batch, once or several times over."""
        if not self.conditional:
            return cast("Tensor", critic(sequences))
        classes = batch[CLASS].repeat(len(sequences) // len(batch[CLASS]))
        return cast("Tensor", critic(sequences, classes))

    def _critic_losses(self, critic: nn.Module, batch: Batch) -> Losses:
        real = one_hot(batch[CODES], self.n_letters).float()
        with torch.no_grad():
            fake = self.generator(batch[CLASS])
        # One pass over both halves: half the calls, and DDP allows one forward per backward.
        both = self._scores(critic, torch.cat([real, fake]), batch)
        on_real, on_fake = both[: len(real)], both[len(real) :]
        penalty = GradientPenalty(self.config.penalty_weight).loss(
            lambda between: self._scores(critic, between, batch), real, fake
        )
        loss = Wasserstein().critic_loss(on_real, on_fake) + penalty
        return {"loss": loss, "real": on_real.mean(), "fake": on_fake.mean(), "penalty": penalty}

    def _generator_losses(self, generator: nn.Module, batch: Batch) -> Losses:
        fake = generator(batch[CLASS])
        return {"loss": Wasserstein().generator_loss(self._scores(self.critic, fake, batch))}
