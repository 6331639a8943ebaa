"""Adversarial models of gene space: gan, wgan, fgan and lsh-gan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.losses import (
    F_DIVERGENCES,
    FGAN,
    BinaryCrossEntropy,
    Fisher,
    Objective,
    Penalty,
    Wasserstein,
    WeightClipping,
)
from scgarage.models.adversarial import ACTIVATIONS, AdversarialModel, ChosenSeeds, TechniquesConfig
from scgarage.models.base import FitOptions
from scgarage.models.data import TrainingData
from scgarage.nn import HybridInput
from scgarage.pp import Components
from scgarage.pp.graph import knn_graph


@dataclass(frozen=True)
class NoiseGanConfig(TechniquesConfig):
    """Settings that the adversarial baselines share; *ours* where no other source is named.

    Attributes
    ----------
    n_top_genes
        Highly variable genes that are generated; the others are drawn independently given the type.
    n_latent
        Dimensions of the noise.
    generator_hidden, critic_hidden, activation
        Widths of the hidden layers, and what follows each of them: ``"tanh"``, ``"relu"`` or ``"leaky-relu"``.
    n_iterations, batch_size, n_critic_steps, n_generator_steps
        Largest number of iterations (the cap of every model is 10,000), cells per batch, and steps in an iteration.
    generator_learning_rate, critic_learning_rate, optimizer, adam_betas, clip_norm
        Optimiser (``"adam"`` or ``"rmsprop"``): learning rates, betas, and the largest gradient norm.
    validate_every, patience, ema_decay
        Iterations between two validation scores; scores without improvement before training stops; decay of the moving
        average of the generator's weights.
    label_threshold
        A cell whose best type is less probable than this is called unsure.
    max_draws_per_cell
        Draws per cell asked for before sampling a type gives up.
    random_state
        Seed.
    objective
        Another objective, such as ``"hinge"`` or ``"bce:real_label=0.9"`` (docs/objectives.md).
    penalties
        Other penalties of the critic with their strength, such as ``["r1:1", "r2:1"]``; ``[]`` for none.
    head
        Another output head, such as ``"negative-binomial"`` or ``"softmax"``.
    constraints, constraint_weight
        YAML or JSON file or list of biological constraints (docs/constraints.md), and their weight in the loss.
    """

    n_top_genes: int | None = 1000
    n_latent: int = 100
    generator_hidden: tuple[int, ...] = (256, 256)
    critic_hidden: tuple[int, ...] = (256, 256)
    activation: Literal["tanh", "relu", "leaky-relu"] = "leaky-relu"
    n_iterations: int = 10_000
    batch_size: int | None = 64
    n_critic_steps: int = 1
    n_generator_steps: int = 1
    generator_learning_rate: float = 2e-4
    critic_learning_rate: float = 2e-4
    optimizer: Literal["adam", "rmsprop"] = "adam"
    adam_betas: tuple[float, float] = (0.5, 0.9)
    clip_norm: float | None = None
    validate_every: int = 200
    patience: int | None = 10
    ema_decay: float | None = 0.99
    label_threshold: float = 0.5
    max_draws_per_cell: int = 200
    random_state: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.activation not in ACTIVATIONS:
            msg = f"activation must be one of {', '.join(map(repr, ACTIVATIONS))}; found {self.activation!r}"
            raise InputError(msg)
        if self.optimizer not in ("adam", "rmsprop"):
            msg = f"optimizer must be 'adam' or 'rmsprop'; found {self.optimizer!r}"
            raise InputError(msg)
        for name in ("n_latent", "n_critic_steps", "n_generator_steps"):
            if getattr(self, name) < 1:
                msg = f"{name} must be at least 1; found {getattr(self, name)}"
                raise InputError(msg)


@dataclass(frozen=True)
class GanConfig(NoiseGanConfig):
    """Settings of :class:`Gan`.

    ``PRESETS["published"]`` is the baseline of the GARAGE paper: noise of 100 dimensions, one hidden layer of 32 tanh
    units, Adam 1e-4, 2001 epochs of one full batch, to the end. The default was chosen on validation cells
    (docs/models.md).

    The others are those of :class:`NoiseGanConfig`.
    """

    generator_learning_rate: float = 1e-3
    critic_learning_rate: float = 1e-3

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "published": {
            "generator_hidden": (32,),
            "critic_hidden": (32,),
            "activation": "tanh",
            "generator_learning_rate": 1e-4,
            "critic_learning_rate": 1e-4,
            "adam_betas": (0.9, 0.999),
            "batch_size": None,
            "n_iterations": 2001,
            "patience": None,
            "ema_decay": None,
        },
        "tuned": {},
    }


class Gan(AdversarialModel):
    """Noise in, cells out, judged by cross-entropy.

    References
    ----------
    Goodfellow et al., NeurIPS 2014, arXiv:1406.2661.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.Gan(n_iterations=2, n_top_genes=100, validate_every=2)
    >>> model.fit(sg.datasets.pbmc68k(), labels_key="cell_type").sample(5).shape
    (5, 765)
    """

    name = "gan"
    Config: ClassVar[type[Any]] = GanConfig

    def objective(self) -> Objective:
        """Binary cross-entropy, non-saturating."""
        return BinaryCrossEntropy()


@dataclass(frozen=True)
class WganConfig(NoiseGanConfig):
    """Settings of :class:`Wgan`.

    ``PRESETS["published"]`` is the baseline of the GARAGE paper: RMSprop 5e-4, clipping at 0.01, 5 critic steps; its
    networks and length, which the sources do not give, are those of the published GAN.

    The others are those of :class:`NoiseGanConfig`.

    Attributes
    ----------
    clip
        Largest absolute weight of the critic (published: 0.01).
    """

    clip: float = 0.01
    n_critic_steps: int = 5
    generator_learning_rate: float = 5e-4
    critic_learning_rate: float = 5e-4
    optimizer: Literal["adam", "rmsprop"] = "rmsprop"

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "published": {
            "generator_hidden": (32,),
            "critic_hidden": (32,),
            "activation": "tanh",
            "batch_size": None,
            "n_iterations": 2001,
            "patience": None,
            "ema_decay": None,
        },
        "tuned": {},
    }


class Wgan(AdversarialModel):
    """Noise in, cells out, judged by a critic with clipped weights.

    References
    ----------
    Arjovsky, Chintala & Bottou, ICML 2017, arXiv:1701.07875.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.Wgan(n_iterations=2, n_top_genes=100, validate_every=2)
    >>> model.fit(sg.datasets.pbmc68k(), labels_key="cell_type").sample(5).shape
    (5, 765)
    """

    name = "wgan"
    Config: ClassVar[type[Any]] = WganConfig

    @property
    def critic_bias(self) -> bool:
        """Whether a constant in the critic's output changes the objective: not a difference of means."""
        return False

    def objective(self) -> Objective:
        """Difference of mean scores."""
        return Wasserstein()

    def penalties(self) -> tuple[Penalty, ...]:
        """Clip the critic's weights after every step."""
        return (WeightClipping(self.config.clip),)


@dataclass(frozen=True)
class FganConfig(NoiseGanConfig):
    """Settings of :class:`Fgan`.

    ``PRESETS["published"]`` is the baseline of the GARAGE paper: one hidden layer of 128 LeakyReLU units, the Fisher
    ratio with the penalty 10 max(E[T^2] - 1, 0)^2; learning rate and length, which the sources do not give, are those
    of the published GAN.

    The others are those of :class:`NoiseGanConfig`.

    Attributes
    ----------
    divergence
        ``"fisher"`` (published), or a name of :data:`scgarage.losses.F_DIVERGENCES`.
    rho
        Weight of the constraint of the Fisher ratio (published: 10); unused by the others.
    """

    divergence: str = "fisher"
    rho: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.divergence != "fisher" and self.divergence not in F_DIVERGENCES:
            known = ", ".join(map(repr, ["fisher", *F_DIVERGENCES]))
            msg = f"divergence must be one of {known}; found {self.divergence!r}"
            raise InputError(msg)

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "published": {
            "generator_hidden": (128,),
            "critic_hidden": (128,),
            "generator_learning_rate": 1e-4,
            "critic_learning_rate": 1e-4,
            "adam_betas": (0.9, 0.999),
            "batch_size": None,
            "n_iterations": 2001,
            "patience": None,
            "ema_decay": None,
        },
        "tuned": {},
    }


class Fgan(AdversarialModel):
    """Noise in, cells out, judged by the Fisher ratio or the bound of any f-divergence.

    References
    ----------
    Nowozin, Cseke & Tomioka, NeurIPS 2016, arXiv:1606.00709. Mroueh & Sercu, Fisher GAN, NeurIPS 2017,
    arXiv:1705.09675.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.Fgan(n_iterations=2, n_top_genes=100, validate_every=2)
    >>> model.fit(sg.datasets.pbmc68k(), labels_key="cell_type").sample(5).shape
    (5, 765)
    """

    name = "fgan"
    Config: ClassVar[type[Any]] = FganConfig

    @property
    def critic_bias(self) -> bool:
        """Whether a constant in the critic's output changes the objective: the Fisher ratio only by its penalty."""
        return bool(self.config.divergence != "fisher")

    def objective(self) -> Objective:
        """Fisher ratio with a one-sided penalty, or the bound of another divergence."""
        if self.config.divergence == "fisher":
            return Fisher("penalty", self.config.rho)
        return FGAN(self.config.divergence)


def neighbour_subsample(neighbours: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Walk the cells, keep a cell that was not dropped and drop its nearest neighbours.

    References
    ----------
    Lall, Ray & Bandyopadhyay, Communications Biology 2022, doi:10.1038/s42003-022-03473-y; the rule as the baseline of
    the GARAGE paper has it.

    Examples
    --------
    >>> neighbour_subsample(np.array([[1], [0], [1], [2]]), np.arange(4)).tolist()
    [0, 2, 3]
    """
    n_cells = len(neighbours)
    place = np.empty(n_cells, dtype=np.int64)
    place[order] = np.arange(n_cells)
    source = np.repeat(np.arange(n_cells), neighbours.shape[1])
    target = neighbours.ravel()
    earlier = place[source] < place[target]
    source, target = source[earlier], target[earlier]
    kept, open_ = np.zeros(n_cells, dtype=bool), np.ones(n_cells, dtype=bool)
    while open_.any():
        dropped = np.bincount(target[kept[source]], minlength=n_cells) > 0
        waiting = np.bincount(target[open_[source]], minlength=n_cells) > 0
        kept |= open_ & ~dropped & ~waiting
        open_ &= ~dropped & ~kept
    return np.flatnonzero(kept)


@dataclass(frozen=True)
class LshGanConfig(NoiseGanConfig):
    """Settings of :class:`LshGan`.

    ``PRESETS["published"]`` is the baseline of the GARAGE paper: hidden layers of 16 and 16, RMSprop 1e-3, 10 critic
    and 10 generator steps; its length is that of the published GAN.

    The others are those of :class:`NoiseGanConfig`.

    Attributes
    ----------
    leakage
        Share of seed rows in the generator's input (ours: GARAGE's, so that the two differ in how seeds are picked).
    n_dropped
        Nearest neighbours of a kept cell that are dropped (published: 4).
    n_components
        Principal components in which neighbours are sought (ours).
    """

    leakage: float = 0.2
    n_dropped: int = 4
    n_components: int = 50
    generator_learning_rate: float = 1e-3
    critic_learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_dropped < 1:
            msg = f"n_dropped must be at least 1; found {self.n_dropped}"
            raise InputError(msg)

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "published": {
            "generator_hidden": (16, 16),
            "critic_hidden": (16, 16),
            "activation": "relu",
            "n_critic_steps": 10,
            "n_generator_steps": 10,
            "generator_learning_rate": 1e-3,
            "critic_learning_rate": 1e-3,
            "optimizer": "rmsprop",
            "batch_size": None,
            "n_iterations": 2001,
            "patience": None,
            "ema_decay": None,
        },
        "tuned": {},
    }


class LshGan(AdversarialModel):
    """Noise and an even subsample of real cells in, cells out.

    The subsample is what is left when the cells are walked through, each kept cell dropping its nearest neighbours;
    neighbours are exact up to 50,000 cells, approximate beyond. Noise is as wide as cells; ``n_latent`` is unused.

    A saved model holds its seed cells, which are real cells: share the folder as you would share the data.

    References
    ----------
    Lall, Ray & Bandyopadhyay, LSH-GAN, Communications Biology 2022, doi:10.1038/s42003-022-03473-y.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.LshGan(n_iterations=2, n_top_genes=100, validate_every=2)
    >>> model.fit(sg.datasets.pbmc68k(), labels_key="cell_type").sample(5).shape
    (5, 765)
    """

    name = "lsh-gan"
    Config: ClassVar[type[Any]] = LshGanConfig

    def objective(self) -> Objective:
        """Binary cross-entropy, non-saturating."""
        return BinaryCrossEntropy()

    def source(self) -> HybridInput:
        """Return the generator's input: noise and seed rows, as wide as cells."""
        seeds = torch.zeros(self.sizes["n_seeds"], self.sizes["n_genes"])
        return HybridInput(seeds, leakage=self.config.leakage)

    def seed_cells(self, data: TrainingData, options: FitOptions) -> ChosenSeeds:  # noqa: ARG002  (one interface)
        """Thin the training cells, in a random order, by their nearest neighbours."""
        c = self.config
        points = Components.fit(data.log_expr, c.n_components, random_state=c.random_state).transform(data.log_expr)
        edges = knn_graph(points, min(c.n_dropped, data.n_cells - 1), random_state=c.random_state).numpy()
        order = np.random.default_rng(c.random_state).permutation(data.n_cells)
        return ChosenSeeds(neighbour_subsample(edges[0].reshape(data.n_cells, -1), order))
