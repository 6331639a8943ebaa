"""Models whose network sees a position, a time and a type."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam

from scgarage.models.base import GenerativeModel
from scgarage.models.timed_network import TimedNetwork
from scgarage.training import Batch, Losses, Phase

__all__ = ["LATENT", "TYPE", "TimedModel"]

LATENT, TYPE = "latent", "type"
"""Columns of the batches: positions of training cells, and type numbers."""

N_VALIDATION_DRAWS = 8
"""Times that each validation cell is scored, with different noise: the loss of a single draw is noisy."""


class TimedModel(GenerativeModel):
    """A network that sees a position, a time and a type; a subclass says what it predicts and how to draw by it.

    A subclass writes :meth:`target_loss` and :meth:`draw_latents`, and fills ``sizes["n_components"]`` and
    ``sizes["n_types"]``. Training sometimes hides the type (``config.drop_label``), so that the same network also knows
    cells of any type.
    """

    _columns: dict[str, Any]

    @abstractmethod
    def target_loss(self, network: nn.Module, latents: Tensor, types: Tensor) -> Tensor:
        """Return the loss of positions ``(n_cells, n_components)`` and type numbers, -1 for a hidden type."""

    @abstractmethod
    def draw_latents(self, network: TimedNetwork, types: Tensor, generator: torch.Generator) -> Tensor:
        """Return positions, ``(n_cells, n_components)``, for type numbers ``(n_cells,)``."""

    def skeleton(self) -> nn.ModuleDict:
        """Return the network."""
        network = TimedNetwork(self.sizes["n_components"], self.sizes["n_types"], self.config.hidden)
        return nn.ModuleDict({"network": network})

    def _network(self) -> TimedNetwork:
        network = self.networks["network"]
        if not isinstance(network, TimedNetwork):
            msg = f"{type(self).__name__}.skeleton() must make a TimedNetwork"
            raise TypeError(msg)
        return network

    def phases(self) -> list[Phase]:
        """One step of the network."""
        network = self._network()
        optimizer = Adam(network.parameters(), lr=self.config.learning_rate, fused=True)
        return [Phase("network", network, optimizer, self._losses, clip_norm=1.0)]

    def _losses(self, network: nn.Module, batch: Batch) -> Losses:
        types = batch[TYPE]
        hidden = torch.rand(len(types), device=types.device) < self.config.drop_label
        return {"loss": self.target_loss(network, batch[LATENT], types.masked_fill(hidden, -1))}

    def _validator(self, latents: Tensor, types: Tensor) -> Callable[[], float]:
        """Return a function for the loss of validation cells, positions (n_cells, n_components) and type numbers."""
        latents, types = latents.repeat(N_VALIDATION_DRAWS, 1), types.repeat(N_VALIDATION_DRAWS)

        def score() -> float:
            network = self._network()
            device = next(network.parameters()).device
            return float(self.target_loss(network, latents.to(device), types.to(device)))

        return score
