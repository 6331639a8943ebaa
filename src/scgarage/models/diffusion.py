"""scDiffusion: denoising diffusion in the latent space of an autoencoder."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from scgarage.errors import InputError
from scgarage.models.base import FitOptions, GenerativeModel, Learned, draw_by_type, train_networks
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.gene_space import GeneSpace
from scgarage.models.spec import Drawn, Wanted
from scgarage.models.timed import LATENT, TYPE, TimedNetwork, TimedTraining, timed_network
from scgarage.pp import Components
from scgarage.training import Phase


@dataclass(frozen=True)
class DiffusionSchedule:
    r"""The forward process :math:`x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon`, t = 1 ... T.

    References
    ----------
    Ho, Jain & Abbeel, DDPM, NeurIPS 2020, arXiv:2006.11239. Nichol & Dhariwal, ICML 2021, arXiv:2102.09672.
    """

    n_steps: int = 200  # number of steps T
    # "cosine": \bar\alpha_t = f(t) / f(0), f(t) = \cos^2\big(\tfrac{t / T + 0.008}{1.008} \tfrac\pi2\big), with \beta_t
    # \le 0.999; the end is noise for any T. "linear": \beta_t from first to last; the end is noise for T = 1000
    # (\bar\alpha_T = 4 \cdot 10^{-5}), not for T = 100 (0.36), where sampling starts from a distribution that training
    # never showed
    shape: Literal["cosine", "linear"] = "cosine"
    first: float = 1e-4  # first and last \beta of the linear shape
    last: float = 0.02

    def __post_init__(self) -> None:
        if self.n_steps < 2:
            msg = f"n_steps must be at least 2; found {self.n_steps}"
            raise InputError(msg)
        if self.shape not in ("cosine", "linear"):
            msg = f"shape must be 'cosine' or 'linear'; found {self.shape!r}"
            raise InputError(msg)

    @property
    def betas(self) -> Tensor:
        r"""Variances :math:`\beta_1 \dots \beta_T` of the noise of each step, float64."""
        if self.shape == "linear":
            return torch.linspace(self.first, self.last, self.n_steps, dtype=torch.float64)
        ends = torch.arange(self.n_steps + 1, dtype=torch.float64) / self.n_steps
        kept = torch.cos((ends + 0.008) / 1.008 * math.pi / 2).square()
        return (1 - kept[1:] / kept[:-1]).clamp(max=0.999)

    @property
    def signal(self) -> Tensor:
        r"""Shares :math:`\bar\alpha_t = \prod_{s \le t} (1 - \beta_s)` of the variance that are signal, float64."""
        return torch.cumprod(1 - self.betas, dim=0)

    def diffuse(self, start: Tensor, steps: Tensor, noise: Tensor) -> Tensor:
        """Return positions after ``steps`` (numbers from 0 for the first step), ``(n_cells, n_components)``."""
        signal = self.signal.to(start.device, start.dtype)[steps][:, None]
        return signal.sqrt() * start + (1 - signal).sqrt() * noise

    def back(
        self, position: Tensor, noise: Tensor, step: int, *, bounds: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, float]:
        r"""Return mean and standard deviation of :math:`q(x_{t-1} | x_t, \hat x_0)` for predicted noise.

        .. math::

            \hat x_0 = \frac{x_t - \sqrt{1 - \bar\alpha_t}\, \epsilon}{\sqrt{\bar\alpha_t}}, \quad
            m = \frac{\sqrt{\bar\alpha_{t-1}} \beta_t}{1 - \bar\alpha_t} \hat x_0
              + \frac{\sqrt{\alpha_t} (1 - \bar\alpha_{t-1})}{1 - \bar\alpha_t} x_t, \quad
            s^2 = \frac{1 - \bar\alpha_{t-1}}{1 - \bar\alpha_t} \beta_t
        """
        signal, beta = self.signal, float(self.betas[step])
        now, before = float(signal[step]), float(signal[step - 1]) if step else 1.0
        start = (position - math.sqrt(1 - now) * noise) / math.sqrt(now)
        if bounds is not None:
            start = start.clamp(*bounds)
        mean = math.sqrt(before) * beta / (1 - now) * start + math.sqrt(1 - beta) * (1 - before) / (1 - now) * position
        return mean, math.sqrt((1 - before) / (1 - now) * beta)


TARGET_SUM = 1e4
"""Counts per cell after normalisation."""


@dataclass(frozen=True)
class LatentSpace:
    r"""Principal components with unit variance each.

    .. math::

        z = (x - m) A^T / s, \qquad \hat x = \max(m + (z s) A, 0)

    Decoded values are smoother than cells: their zeros and their noise lie outside the components. Counts are therefore
    Poisson draws of the decoded rates (:meth:`counts`), each gene's scaled to its mean in the training cells; decoded
    log values below a threshold are set to zero (:meth:`sparse_log_expr`), each gene's so that the training cells get
    the share of zeros that they have.
    """

    components: Components  # fitted on training cells, m and A
    scale: NDArray[np.float32]  # standard deviation of the scores, s, (n_components,)
    lowest: NDArray[np.float32]  # range of z in training, (n_components,)
    highest: NDArray[np.float32]
    gain: NDArray[np.float32]  # mean rate of the training cells over that of their decoded values, (n_genes,)
    threshold: NDArray[np.float32]  # decoded log values below are zero, (n_genes,)

    @classmethod
    def fit(
        cls, log_expr: sparse.csr_matrix, n_components: int, *, random_state: int = 0, max_cells: int = 5000
    ) -> tuple[Self, NDArray[np.float32]]:
        """Fit on log1p CP10k of training cells, (n_cells, n_genes); return their positions too."""
        components = Components.fit(log_expr, n_components, random_state=random_state)
        scores = components.transform(log_expr)
        scale = scores.std(axis=0) + np.float32(1e-6)
        latents = (scores / scale).astype(np.float32)
        rows = np.sort(np.random.default_rng(random_state).permutation(len(latents))[:max_cells])
        used = log_expr[rows].toarray()
        decoded = np.maximum(latents[rows] * scale @ components.axes + components.mean, 0)
        real_rate, decoded_rate = (np.expm1(x.astype(np.float64)).mean(axis=0) for x in (used, decoded))
        gain = np.clip(real_rate / np.maximum(decoded_rate, 1e-9), 0, 10)
        n_zeros = (used == 0).sum(axis=0)
        ordered = np.vstack([np.sort(decoded, axis=0), np.full((1, decoded.shape[1]), np.inf)])
        threshold = ordered[n_zeros, np.arange(decoded.shape[1])]
        arrays = (scale, latents.min(axis=0), latents.max(axis=0), gain, np.minimum(threshold, 1e6))
        return cls(components, *(np.ascontiguousarray(a, dtype=np.float32) for a in arrays)), latents

    def encode(self, log_expr: sparse.csr_matrix | NDArray[np.floating]) -> NDArray[np.float32]:
        """Return positions, (n_cells, n_components)."""
        return np.asarray(self.components.transform(log_expr) / self.scale, dtype=np.float32)

    def decode(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return log1p CP10k >= 0, (n_cells, n_genes), without zeros where cells have them."""
        back = latents * self.scale @ self.components.axes + self.components.mean
        return np.asarray(np.maximum(back, 0), dtype=np.float32)

    def sparse_log_expr(self, decoded: NDArray[np.float32]) -> NDArray[np.float32]:
        """Set decoded values below the thresholds to zero, (n_cells, n_genes)."""
        return np.asarray(np.where(decoded >= self.threshold, decoded, 0), dtype=np.float32)

    def counts(
        self, decoded: NDArray[np.float32], totals: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Draw counts, (n_cells, n_genes), for decoded log1p CP10k and library sizes, (n_cells,)."""
        rates = np.expm1(decoded.astype(np.float64)) * self.gain * (totals[:, None] / TARGET_SUM)
        return rng.poisson(rates).astype(np.float32)


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


class ScDiffusion(GenerativeModel):
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
    parts_types: ClassVar[Mapping[str, type[Any]]] = {"space": LatentSpace}

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> Learned:
        """Fit the parts, and train until the loss of the validation cells stops improving."""
        c = self.config
        self.parts = GeneSpace.fit(data)
        space, latents = LatentSpace.fit(data.log_expr, c.n_components, random_state=c.random_state)
        self.parts["space"] = space
        self.sizes = {"n_components": latents.shape[1], "n_types": len(data.types)}
        self.networks = self.skeleton()
        training = self._training()
        validate = None
        if validation is not None:
            known = np.flatnonzero(validation.labels >= 0)
            seen = torch.from_numpy(space.encode(validation.log_expr[known]))
            validate = training.validator(seen, torch.from_numpy(validation.labels[known]))
        columns = {LATENT: latents, TYPE: data.labels}
        network = training.network
        result = train_networks(c, training.phases(), columns, network, options, validate=validate, name=self.name)
        return Learned(result)

    def skeleton(self) -> nn.ModuleDict:
        """Return the network."""
        network = TimedNetwork(self.sizes["n_components"], self.sizes["n_types"], self.config.hidden)
        return nn.ModuleDict({"network": network})

    def phases(self) -> list[Phase]:
        """One step of the network."""
        return self._training().phases()

    def _training(self) -> TimedTraining:
        return TimedTraining(self.networks["network"], self.target_loss, self.config)

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

    @torch.no_grad()
    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        """Draw positions given the types, decode them and complete the cells."""
        space: LatentSpace = self.parts["space"]
        whole = GeneSpace(self.parts, self.modelled)
        network = timed_network(self.networks)

        def make(labels: NDArray[np.int64]) -> sparse.csr_matrix:
            latents = self.draw_latents(network, torch.from_numpy(labels), generator).numpy()
            decoded = space.decode(np.clip(latents, space.lowest, space.highest))
            log_expr = decoded if "library_sizes" in self.parts else space.sparse_log_expr(decoded)
            return whole.complete(log_expr, labels, rng, counts=space.counts)

        return draw_by_type(self, wanted, rng, make)

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:
        """Return the classes of the fitted parts."""
        return dict(self.parts_types) | GeneSpace.kinds(value_kind)
