"""A GAN that lowers an f-divergence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from scgarage.errors import InputError
from scgarage.losses import F_DIVERGENCES, FGAN, Fisher, Objective
from scgarage.models.noise_gan import NoiseGan, NoiseGanConfig

__all__ = ["Fgan", "FganConfig"]


@dataclass(frozen=True)
class FganConfig(NoiseGanConfig):
    """Settings of :class:`Fgan`.

    ``PRESETS["published"]`` is the baseline of the GARAGE paper: one hidden layer of 128 LeakyReLU units, the Fisher
    ratio with the penalty 10 max(E[T^2] - 1, 0)^2; learning rate and length, which the sources do not give, are those
    of the published GAN.

    Attributes
    ----------
    divergence
        ``"fisher"`` (published), or a name of :data:`scgarage.losses.F_DIVERGENCES`.
    rho
        Weight of the constraint of the Fisher ratio (published: 10); unused by the others.
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


class Fgan(NoiseGan):
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
