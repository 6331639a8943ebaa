"""A GAN whose generator is also fed cells that cover the data evenly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.graph import knn_graph
from scgarage.losses import BinaryCrossEntropy, Objective
from scgarage.models.data import TrainingData
from scgarage.models.neighbour_subsample import neighbour_subsample
from scgarage.models.noise_gan import NoiseGan, NoiseGanConfig
from scgarage.models.options import FitOptions
from scgarage.nn import HybridInput
from scgarage.preprocess import Components

__all__ = ["LshGan", "LshGanConfig"]


@dataclass(frozen=True)
class LshGanConfig(NoiseGanConfig):
    """Settings of :class:`LshGan`.

    ``PRESETS["published"]`` is the baseline of the GARAGE paper: hidden layers of 16 and 16, RMSprop 1e-3, 10 critic
    and 10 generator steps; its length is that of the published GAN.

    Attributes
    ----------
    leakage
        Share of seed rows in the generator's input (ours: GARAGE's, so that the two differ in how seeds are picked).
    n_dropped
        Nearest neighbours of a kept cell that are dropped (published: 4).
    n_components
        Principal components in which neighbours are sought (ours).
    n_top_genes, n_latent, generator_hidden, critic_hidden, activation
        Genes, dimensions of the noise and networks; see :class:`NoiseGanConfig`.
    n_iterations, batch_size, n_critic_steps, n_generator_steps
        Cap, cells per batch, steps in an iteration.
    generator_learning_rate, critic_learning_rate, optimizer, adam_betas, clip_norm
        Optimiser.
    validate_every, patience, ema_decay
        Early stopping, and moving average of the generator.
    label_threshold, max_draws_per_cell, random_state
        Labels, patience of sampling a type, seed.
    objective
        Another objective, such as ``"hinge"`` or ``"bce:real_label=0.9"`` (docs/objectives.md).
    penalties
        Other penalties of the critic with their strength, such as ``["r1:1", "r2:1"]``; ``[]`` for none.
    head
        Another output head, such as ``"negative-binomial"`` or ``"softmax"``.
    constraints, constraint_weight
        YAML or JSON file or list of biological constraints (docs/constraints.md), and their weight in the loss.
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


class LshGan(NoiseGan):
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

    def seed_cells(self, data: TrainingData, options: FitOptions) -> NDArray[np.int64]:  # noqa: ARG002  (one interface)
        """Thin the training cells, in a random order, by their nearest neighbours."""
        c = self.config
        points = Components.fit(data.log_expr, c.n_components, random_state=c.random_state).transform(data.log_expr)
        edges = knn_graph(points, min(c.n_dropped, data.n_cells - 1), random_state=c.random_state).numpy()
        order = np.random.default_rng(c.random_state).permutation(data.n_cells)
        return neighbour_subsample(edges[0].reshape(data.n_cells, -1), order)
