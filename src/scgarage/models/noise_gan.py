"""Adversarial models whose generator is a multilayer perceptron, fed noise or noise and cells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from scgarage.errors import InputError
from scgarage.models.adversarial import AdversarialModel, Generator
from scgarage.models.critics import make_critic
from scgarage.models.techniques import TechniquesConfig
from scgarage.nn import HybridInput, mlp

__all__ = ["ACTIVATIONS", "NoiseGan", "NoiseGanConfig"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky-relu": lambda: nn.LeakyReLU(0.2),
}


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
        ``"adam"`` or ``"rmsprop"``, and the largest gradient norm.
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


class NoiseGan(AdversarialModel):
    """Networks of the adversarial baselines; a subclass writes :meth:`objective` and what it adds."""

    Config: ClassVar[type[Any]] = NoiseGanConfig

    @property
    def critic_bias(self) -> bool:
        """Whether a constant in the critic's output changes the model's own objective."""
        return True

    def source(self) -> HybridInput:
        """Return the generator's input: noise alone."""
        return HybridInput(torch.zeros(0, self.config.n_latent), leakage=0.0)

    def skeleton(self) -> nn.ModuleDict:
        """Return generator and critic, if the objective has one."""
        c, n_genes, game = self.config, self.sizes["n_genes"], self.game()
        activation, source, head = ACTIVATIONS[c.activation], self.source(), self._new_head()
        layers = mlp(source.seeds.shape[1], c.generator_hidden, head.n_logits, activation=activation)
        networks = nn.ModuleDict({"generator": Generator(source, layers, head)})
        if game.has_critic:
            bias = self.critic_bias if c.objective is None else None
            networks["critic"] = make_critic(game, n_genes, c.critic_hidden, activation=activation, bias=bias)
        return networks
