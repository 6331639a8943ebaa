"""Flow matching among the factors of the default model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from scgarage.errors import InputError
from scgarage.models.base import FitOptions, Learned, train_networks
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.garage.factor_model import FactorConfig, FactorModel
from scgarage.models.timed import LATENT, TYPE, TimedNetwork, TimedTraining, timed_network
from scgarage.training import Phase


@dataclass(frozen=True)
class PositionScale:
    """Positions with mean 0 and variance 1 in each dimension, and back."""

    mean: NDArray[np.float32]  # of the training cells, (n_dims,)
    spread: NDArray[np.float32]
    lowest: NDArray[np.float32]  # range of the training cells, (n_dims,)
    highest: NDArray[np.float32]

    @classmethod
    def fit(cls, positions: NDArray[np.float32]) -> Self:
        """Measure positions, (n_cells, n_dims)."""
        spread = np.maximum(positions.std(axis=0), np.float32(1e-3))
        return cls(positions.mean(axis=0), spread, positions.min(axis=0), positions.max(axis=0))

    def scaled(self, positions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return scaled positions, (n_cells, n_dims)."""
        return np.asarray((positions - self.mean) / self.spread, dtype=np.float32)

    def back(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return positions no farther out than the training cells, (n_cells, n_dims)."""
        result: NDArray[np.float32] = np.clip(scaled * self.spread + self.mean, self.lowest, self.highest)
        return result


@dataclass(frozen=True)
class FlowConfig(FactorConfig):
    """Settings of :class:`Flow`.

    The others are those of :class:`FactorConfig`.

    Attributes
    ----------
    n_steps
        Steps of the integration from noise to positions.
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
    """

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
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"published": {}, "tuned": {}}

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_counts("n_steps", "n_iterations")
        if not 0 <= self.drop_label < 1:
            msg = f"drop_label is a share of cells and must lie in [0, 1); found {self.drop_label}"
            raise InputError(msg)
        if self.guidance and not self.drop_label:
            msg = "guidance needs a network that was also trained without types; set drop_label above 0"
            raise InputError(msg)


class Flow(FactorModel):
    r"""Noise is carried along straight lines to positions of cells among the factors of the default model.

    .. math:: L = E\,\|v_\theta((1 - t) \epsilon + t z, t, y) - (z - \epsilon)\|^2, \qquad t \sim U(0, 1)

    with the type :math:`y` and draws :math:`z` of the positions of the training cells; new ones solve
    :math:`\dot z = v_\theta` by the midpoint rule. Marginals, factors and the way from a position to counts are those
    of :class:`~scgarage.models.garage.Garage`, so that the two differ in one thing: this model learns the distribution
    of positions, the default one moves seed cells. After CFGen, whose latent space is that of an autoencoder with
    negative binomial output; its settings are not repeated, so both presets are ours.

    References
    ----------
    Palma et al., CFGen, ICLR 2025, arXiv:2407.11734. Lipman et al., flow matching, ICLR 2023, arXiv:2210.02747.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.Flow(n_iterations=2, n_factors=4, n_sweeps=2, n_steps=5, validate_every=2)
    >>> model.fit(sg.datasets.pbmc68k(), labels_key="cell_type").sample({"Dendritic": 5}).shape
    (5, 765)
    """

    name = "flow"
    Config: ClassVar[type[Any]] = FlowConfig
    needs_labels = True
    knows_batches = False
    parts_types: ClassVar[Mapping[str, type[Any]]] = {**FactorModel.parts_types, "scale": PositionScale}

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> Learned:
        """Train on draws of all positions until the loss of the validation cells stops improving."""
        fitted = self.fit_factors(data)
        n_draws, _, n_dims = fitted.draws.shape
        positions = fitted.draws.reshape(-1, n_dims)
        self.parts["scale"] = scale = PositionScale.fit(positions)
        columns = {LATENT: scale.scaled(positions), TYPE: np.tile(fitted.codes, n_draws)}
        self.sizes = {"n_components": n_dims, "n_types": self.parts["strata"].n_types}
        about = self.calibrate(data, validation, fitted, fitted.draws[-1])
        self.networks = self.skeleton()
        training, seen, validate = self._training(), self.encode(validation, fitted), None
        if seen is not None:
            validate = training.validator(torch.from_numpy(scale.scaled(seen[0])), torch.from_numpy(seen[1]))
        return Learned(
            train_networks(
                self.config, training.phases(), columns, training.network, options, validate=validate, name=self.name
            ),
            about,
        )

    def skeleton(self) -> nn.ModuleDict:
        """Return the network."""
        network = TimedNetwork(self.sizes["n_components"], self.sizes["n_types"], self.config.hidden)
        return nn.ModuleDict({"network": network})

    def phases(self) -> list[Phase]:
        """One step of the network."""
        return self._training().phases()

    def _training(self) -> TimedTraining:
        return TimedTraining(self.networks["network"], self.target_loss, self.config)

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

    @torch.no_grad()
    def positions(
        self,
        codes: NDArray[np.int64],
        generator: torch.Generator,
        rng: np.random.Generator,  # noqa: ARG002  (noise comes from the generator)
    ) -> NDArray[np.float32]:
        """Return positions where the flow ends."""
        drawn = self.draw_latents(timed_network(self.networks), torch.from_numpy(codes), generator).numpy()
        result: NDArray[np.float32] = self.parts["scale"].back(drawn)
        return result
