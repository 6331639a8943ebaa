"""A GAN with the Wasserstein objective and weight clipping."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from scgarage.losses import Objective, Penalty, Wasserstein, WeightClipping
from scgarage.models.noise_gan import NoiseGan, NoiseGanConfig

__all__ = ["Wgan", "WganConfig"]


@dataclass(frozen=True)
class WganConfig(NoiseGanConfig):
    """Settings of :class:`Wgan`.

    ``PRESETS["published"]`` is the baseline of the GARAGE paper: RMSprop 5e-4, clipping at 0.01, 5 critic steps; its
    networks and length, which the sources do not give, are those of the published GAN.

    Attributes
    ----------
    clip
        Largest absolute weight of the critic (published: 0.01).
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


class Wgan(NoiseGan):
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
