"""Models that generate positions in a linear latent space, given the type."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Adam

from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.gene_space import ConditionalModel
from scgarage.models.latent_space import LatentSpace
from scgarage.models.options import FitOptions
from scgarage.models.timed_network import TimedNetwork
from scgarage.training import Batch, Losses, Phase, TrainResult

__all__ = ["LatentModel"]

LATENT, TYPE = "latent", "type"
"""Columns of the batches: positions of training cells, and type numbers."""

N_VALIDATION_DRAWS = 8
"""Times that each validation cell is scored, with different noise: the loss of a single draw is noisy."""


class LatentModel(ConditionalModel):
    """A network that sees a position, a time and a type; a subclass says what it predicts and how to draw by it.

    A subclass writes :meth:`target_loss` and :meth:`draw_latents`. Training sometimes hides the type
    (``config.drop_label``), so that the same network also knows cells of any type.
    """

    parts_types: ClassVar[Mapping[str, type[Any]]] = {"space": LatentSpace}
    _columns: dict[str, Any]

    @abstractmethod
    def target_loss(self, network: nn.Module, latents: Tensor, types: Tensor) -> Tensor:
        """Return the loss of positions ``(n_cells, n_components)`` and type numbers, -1 for a hidden type."""

    @abstractmethod
    def draw_latents(self, network: TimedNetwork, types: Tensor, generator: torch.Generator) -> Tensor:
        """Return positions, ``(n_cells, n_components)``, for type numbers ``(n_cells,)``."""

    def build(self, data: TrainingData, options: FitOptions) -> None:
        """Fit the fitted parts and make the network."""
        super().build(data, options)
        c = self.config
        space, latents = LatentSpace.fit(data.log_expr, c.n_components, random_state=c.random_state)
        self.parts["space"] = space
        self._columns = {LATENT: latents, TYPE: data.labels}
        self.sizes = {"n_components": latents.shape[1], "n_types": len(data.types)}
        self.networks = self.skeleton()

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

    def learn(
        self,
        data: TrainingData,  # noqa: ARG002  (build kept what is needed)
        validation: ValidationData | None,
        options: FitOptions,
    ) -> TrainResult | None:
        """Train until the loss of the validation cells stops improving."""
        validate = None if validation is None else self._validator(validation)
        result = self.train_networks(self._columns, self._network(), options, validate=validate)
        del self._columns  # the training cells are needed no longer
        return result

    def _validator(self, validation: ValidationData) -> Callable[[], float]:
        known = np.flatnonzero(validation.labels >= 0)
        latents = torch.from_numpy(self.parts["space"].encode(validation.log_expr[known]))
        latents = latents.repeat(N_VALIDATION_DRAWS, 1)
        types = torch.from_numpy(validation.labels[known]).repeat(N_VALIDATION_DRAWS)

        def score() -> float:
            network = self._network()
            device = next(network.parameters()).device
            return float(self.target_loss(network, latents.to(device), types.to(device)))

        return score

    @torch.no_grad()
    def generate(self, labels: NDArray[np.int64], generator: torch.Generator) -> NDArray[np.float32]:
        """Return decoded log1p CP10k of the modelled genes, ``(n_cells, n_genes)``, smooth for models of counts."""
        space: LatentSpace = self.parts["space"]
        latents = self.draw_latents(self._network(), torch.from_numpy(labels), generator).numpy()
        decoded = space.decode(np.clip(latents, space.lowest, space.highest))
        return decoded if "library_sizes" in self.parts else space.sparse_log_expr(decoded)

    def _counts(
        self, log_expr: NDArray[np.float32], totals: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        counts: NDArray[np.float32] = self.parts["space"].counts(log_expr, totals, rng)
        return counts
