"""Conditional flow matching in a latent space of cells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from scgarage.errors import InputError
from scgarage.models.latent_model import LatentModel
from scgarage.models.timed_network import TimedNetwork

__all__ = ["Flow", "FlowConfig"]


@dataclass(frozen=True)
class FlowConfig:
    """Settings of :class:`Flow`.

    Attributes
    ----------
    n_top_genes
        Highly variable genes that are generated; the others are drawn independently given the type.
    n_components
        Principal components that are the latent space (on validation cells 20 beat 50, docs/models.md).
    n_steps
        Steps of the integration from noise to cells.
    hidden
        Widths of the hidden layers.
    drop_label, guidance
        Share of training cells whose type is hidden, and weight of the classifier-free guidance; 0 draws from the
        distribution of the type.
    n_iterations, batch_size, learning_rate
        Cap, cells per batch and Adam's learning rate.
    validate_every, patience, ema_decay
        Iterations between two validation scores (the loss); scores without improvement before training stops; decay of
        the moving average of the weights.
    random_state
        Seed.
    """

    n_top_genes: int | None = 1000
    n_components: int = 20
    n_steps: int = 50
    hidden: tuple[int, ...] = (256, 256)
    drop_label: float = 0.1
    guidance: float = 0.0
    n_iterations: int = 10_000
    batch_size: int | None = 128
    learning_rate: float = 1e-3
    validate_every: int = 200
    patience: int | None = 10
    ema_decay: float | None = 0.995
    random_state: int = 0
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"published": {}, "tuned": {}}

    def __post_init__(self) -> None:
        if self.n_steps < 1:
            msg = f"n_steps must be at least 1; found {self.n_steps}"
            raise InputError(msg)
        if not 0 <= self.drop_label < 1:
            msg = f"drop_label is a share of cells and must lie in [0, 1); found {self.drop_label}"
            raise InputError(msg)
        if self.guidance and not self.drop_label:
            msg = "guidance needs a network that was also trained without types; set drop_label above 0"
            raise InputError(msg)


class Flow(LatentModel):
    r"""Noise is carried to cells along straight lines, given the type.

    .. math:: L = E\,\|v_\theta((1 - t) \epsilon + t z, t, y) - (z - \epsilon)\|^2, \qquad t \sim U(0, 1)

    in the space of principal components, with unit variance each; new positions solve :math:`\dot z = v_\theta` by the
    midpoint rule. Counts are Poisson draws of the decoded rates. After CFGen, whose latent space is that of an
    autoencoder with negative binomial output; its settings are not repeated, so both presets are ours.

    References
    ----------
    Palma et al., CFGen, ICLR 2025, arXiv:2407.11734. Lipman et al., flow matching, ICLR 2023, arXiv:2210.02747.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.Flow(n_iterations=2, n_top_genes=100, n_steps=5, validate_every=2)
    >>> model.fit(sg.datasets.pbmc68k(), labels_key="cell_type").sample({"Dendritic": 5}).shape
    (5, 765)
    """

    name = "flow"
    Config: ClassVar[type[Any]] = FlowConfig

    def target_loss(self, network: nn.Module, latents: Tensor, types: Tensor) -> Tensor:
        """Return the mean squared error of the predicted velocity."""
        times = torch.rand(len(latents), device=latents.device)
        noise = torch.randn_like(latents)
        between = torch.lerp(noise, latents, times[:, None])
        return mse_loss(network(between, times, types), latents - noise)

    def draw_latents(self, network: TimedNetwork, types: Tensor, generator: torch.Generator) -> Tensor:
        """Start from noise and follow the field."""
        n_steps, guidance = self.config.n_steps, self.config.guidance
        position = torch.randn(len(types), network.n_components, generator=generator)
        for step in range(n_steps):
            times = torch.full((len(types),), step / n_steps)
            middle = position + network.guided(position, times, types, guidance) / (2 * n_steps)
            position = position + network.guided(middle, times + 0.5 / n_steps, types, guidance) / n_steps
        return position
