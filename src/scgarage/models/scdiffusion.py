"""Denoising diffusion in a latent space of cells: scDiffusion."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from scgarage.errors import InputError
from scgarage.models.diffusion_schedule import DiffusionSchedule
from scgarage.models.latent_model import LatentModel
from scgarage.models.timed_network import TimedNetwork

__all__ = ["ScDiffusion", "ScDiffusionConfig"]


@dataclass(frozen=True)
class ScDiffusionConfig:
    """Settings of :class:`ScDiffusion`.

    ``PRESETS["published"]`` is the baseline of the GARAGE paper: T = 100, beta from 1e-4 to 0.02, layers of 512 and
    256, 200 steps. With that schedule sampling starts from a distribution that training never showed. The original
    trains about 600,000 steps in the space of an autoencoder, with a classifier as guide.

    The sources give no learning rate.

    Attributes
    ----------
    n_top_genes
        Highly variable genes that are generated; the others are drawn independently given the type.
    n_components
        Principal components that are the latent space (on validation cells 20 beat 50, docs/models.md).
    n_steps, schedule
        Steps of the diffusion, and ``"cosine"`` or ``"linear"``; see :class:`DiffusionSchedule`.
    hidden
        Widths of the hidden layers.
    drop_label
        Share of training cells whose type is hidden, which guidance needs (Ho & Salimans: 0.1).
    guidance
        Weight of the classifier-free guidance; 0 draws from the distribution of the type, more makes cells more typical
        and less varied.
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
    n_steps: int = 200
    schedule: Literal["cosine", "linear"] = "cosine"
    hidden: tuple[int, ...] = (128, 128)
    drop_label: float = 0.1
    guidance: float = 0.0
    n_iterations: int = 10_000
    batch_size: int | None = 128
    learning_rate: float = 3e-4
    validate_every: int = 200
    patience: int | None = 10
    ema_decay: float | None = 0.995
    random_state: int = 0
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "published": {
            "n_components": 50,
            "learning_rate": 1e-3,
            "n_steps": 100,
            "schedule": "linear",
            "hidden": (512, 256),
            "n_iterations": 200,
            "patience": None,
            "ema_decay": None,
        },
        "tuned": {},
    }

    def __post_init__(self) -> None:
        if not 0 <= self.drop_label < 1:
            msg = f"drop_label is a share of cells and must lie in [0, 1); found {self.drop_label}"
            raise InputError(msg)
        if self.guidance and not self.drop_label:
            msg = "guidance needs a network that was also trained without types; set drop_label above 0"
            raise InputError(msg)
        DiffusionSchedule(self.n_steps, self.schedule)


class ScDiffusion(LatentModel):
    r"""Noise is taken away step by step, given the type.

    .. math:: L = E\,\|\epsilon - \epsilon_\theta(\sqrt{\bar\alpha_t} z + \sqrt{1 - \bar\alpha_t} \epsilon, t, y)\|^2

    in the space of principal components, with unit variance each. Counts are Poisson draws of the decoded rates.

    References
    ----------
    Luo et al., scDiffusion, Bioinformatics 2024, doi:10.1093/bioinformatics/btae518. Ho, Jain & Abbeel, NeurIPS 2020,
    arXiv:2006.11239. Ho & Salimans, classifier-free guidance, arXiv:2207.12598.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.ScDiffusion(n_iterations=2, n_top_genes=100, n_steps=5, validate_every=2)
    >>> model.fit(sg.datasets.pbmc68k(), labels_key="cell_type").sample({"Dendritic": 5}).shape
    (5, 765)
    """

    name = "scdiffusion"
    Config: ClassVar[type[Any]] = ScDiffusionConfig

    @cached_property
    def schedule(self) -> DiffusionSchedule:
        """How cells become noise."""
        return DiffusionSchedule(self.config.n_steps, self.config.schedule)

    def target_loss(self, network: nn.Module, latents: Tensor, types: Tensor) -> Tensor:
        """Return the mean squared error of the predicted noise."""
        steps = torch.randint(self.schedule.n_steps, (len(latents),), device=latents.device)
        noise = torch.randn_like(latents)
        predicted = network(self.schedule.diffuse(latents, steps, noise), (steps + 1) / self.schedule.n_steps, types)
        return mse_loss(predicted, noise)

    def draw_latents(self, network: TimedNetwork, types: Tensor, generator: torch.Generator) -> Tensor:
        """Start from noise and go back step by step."""
        schedule, space = self.schedule, self.parts["space"]
        bounds = torch.from_numpy(space.lowest), torch.from_numpy(space.highest)
        position = torch.randn(len(types), network.n_components, generator=generator)
        for step in reversed(range(schedule.n_steps)):
            times = torch.full((len(types),), (step + 1) / schedule.n_steps)
            noise = network.guided(position, times, types, self.config.guidance)
            mean, spread = schedule.back(position, noise, step, bounds=bounds)
            position = mean + spread * torch.randn(position.shape, generator=generator)
        return position
