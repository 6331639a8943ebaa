"""The first of all GANs, in gene space."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from scgarage.losses import BinaryCrossEntropy, Objective
from scgarage.models.noise_gan import NoiseGan, NoiseGanConfig

__all__ = ["Gan", "GanConfig"]


@dataclass(frozen=True)
class GanConfig(NoiseGanConfig):
    """Settings of :class:`Gan`.

    ``PRESETS["published"]`` is the baseline of the GARAGE paper: noise of 100 dimensions, one hidden layer of 32 tanh
    units, Adam 1e-4, 2001 epochs of one full batch, to the end. The default was chosen on validation cells
    (docs/models.md).

    Attributes
    ----------
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


class Gan(NoiseGan):
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
