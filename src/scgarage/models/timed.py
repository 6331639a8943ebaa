"""Networks that learn a velocity or noise in a latent space as a function of time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Adam

from scgarage.nn import mlp
from scgarage.training import Batch, Losses, Phase

N_FREQUENCIES = 32


class TimedNetwork(nn.Module):
    """Vector field on a latent space."""

    def __init__(self, n_components: int, n_types: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.time = nn.Linear(2 * N_FREQUENCIES, hidden[0])
        self.types = nn.Embedding(n_types + 1, hidden[0])
        self.layers = mlp(n_components + 2 * hidden[0], hidden, n_components, activation=nn.SiLU)
        self.n_components, self.n_types = n_components, n_types

    def forward(self, positions: Tensor, times: Tensor, types: Tensor) -> Tensor:
        """Return vectors, ``(n_cells, n_components)``."""
        known = self.types(torch.where(types < 0, self.n_types, types))
        timed = torch.nn.functional.silu(self.time(time_features(times)))
        vectors: Tensor = self.layers(torch.cat([positions, timed, known], dim=1))
        return vectors

    def guided(self, positions: Tensor, times: Tensor, types: Tensor, guidance: float) -> Tensor:
        r"""Return :math:`(1 + w)\, f(x, t, y) - w\, f(x, t, \text{any})` for the guidance :math:`w`."""
        told: Tensor = self(positions, times, types)
        if guidance == 0:
            return told
        untold: Tensor = self(positions, times, torch.full_like(types, -1))
        return told + guidance * (told - untold)


def time_features(times: Tensor) -> Tensor:
    """Return sines and cosines of times in [0, 1], ``(n_cells, 64)``, of periods from 0.006 to 60."""
    rates = 1000 * torch.exp(-math.log(1e4) * torch.arange(N_FREQUENCIES, device=times.device) / N_FREQUENCIES)
    angles = times[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


LATENT, TYPE = "latent", "type"
"""Columns of the batches: positions of training cells, and type numbers."""

N_VALIDATION_DRAWS = 8
"""Times that each validation cell is scored, with different noise: the loss of a single draw is noisy."""


def timed_network(networks: nn.ModuleDict) -> TimedNetwork:
    """Return the network of a model that has one."""
    network = networks["network"]
    if not isinstance(network, TimedNetwork):
        msg = f"the network must be a TimedNetwork; found {type(network).__name__}"
        raise TypeError(msg)
    return network


class TargetLoss(Protocol):
    """The loss of a network for positions ``(n_cells, n_components)`` and type numbers, -1 for a hidden type."""

    def __call__(self, network: nn.Module, latents: Tensor, types: Tensor) -> Tensor:
        """Return the loss."""


@dataclass(frozen=True)
class TimedTraining:
    """How a network that sees a position, a time and a type learns what it is to predict."""

    network: nn.Module
    target_loss: TargetLoss
    config: Any

    def phases(self) -> list[Phase]:
        """One step of the network."""
        optimizer = Adam(self.network.parameters(), lr=self.config.learning_rate, fused=True)
        return [Phase("network", self.network, optimizer, self._losses, clip_norm=1.0)]

    def _losses(self, network: nn.Module, batch: Batch) -> Losses:
        types = batch[TYPE]
        hidden = torch.rand(len(types), device=types.device) < self.config.drop_label
        return {"loss": self.target_loss(network, batch[LATENT], types.masked_fill(hidden, -1))}

    def validator(self, latents: Tensor, types: Tensor) -> Callable[[], float]:
        """Return a function for the loss of validation cells, positions (n_cells, n_components) and type numbers."""
        latents, types = latents.repeat(N_VALIDATION_DRAWS, 1), types.repeat(N_VALIDATION_DRAWS)

        def score() -> float:
            device = next(self.network.parameters()).device
            return float(self.target_loss(self.network, latents.to(device), types.to(device)))

        return score
