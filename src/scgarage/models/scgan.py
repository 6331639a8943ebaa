"""A conditional Wasserstein GAN for cells: scGAN."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from scgarage.losses import GradientPenalty, Objective, Penalty, Wasserstein
from scgarage.models.adversarial import REAL, AdversarialTraining
from scgarage.models.conditional_batch_norm import ConditionalBatchNorm
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.gene_space import ConditionalModel
from scgarage.models.joint_validation import JointSpace
from scgarage.models.options import FitOptions
from scgarage.nn import ProjectionCritic, mlp
from scgarage.preprocess import MaxScaler
from scgarage.training import Batch

__all__ = ["ConditionalGenerator", "ScGan", "ScGanConfig"]

TYPE = "type"
"""Column of the batches with the type numbers."""


@dataclass(frozen=True)
class ScGanConfig:
    """Settings of :class:`ScGan`.

    ``PRESETS["published"]`` is the original: hidden layers of 256, 512 and 1024 units and the reverse, noise of 128
    dimensions, Adam 1e-4 (0.5, 0.9), 5 critic steps, batches of 128, 1,000,000 iterations.

    Attributes
    ----------
    n_top_genes
        Highly variable genes that are generated; the others are drawn independently given the type (original: all).
    n_latent
        Dimensions of the noise (original: 128).
    generator_hidden, critic_hidden
        Widths of the hidden layers.
    gradient_penalty
        Weight of the gradient penalty (original: 10).
    n_iterations, batch_size, n_critic_steps, n_generator_steps
        Cap, cells per batch, steps in an iteration.
    generator_learning_rate, critic_learning_rate, optimizer, adam_betas, clip_norm
        Optimiser.
    validate_every, patience, ema_decay
        Iterations between two validation scores; scores without improvement before training stops; decay of the moving
        average of the generator.
    random_state
        Seed.
    """

    n_top_genes: int | None = 1000
    n_latent: int = 128
    generator_hidden: tuple[int, ...] = (256, 256)
    critic_hidden: tuple[int, ...] = (256, 256)
    gradient_penalty: float = 10.0
    n_iterations: int = 10_000
    batch_size: int | None = 128
    n_critic_steps: int = 5
    n_generator_steps: int = 1
    generator_learning_rate: float = 2e-4
    critic_learning_rate: float = 2e-4
    optimizer: Literal["adam", "rmsprop"] = "adam"
    adam_betas: tuple[float, float] = (0.5, 0.9)
    clip_norm: float | None = None
    validate_every: int = 100
    patience: int | None = 10
    ema_decay: float | None = 0.99
    random_state: int = 0
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "published": {
            "n_top_genes": None,
            "generator_hidden": (256, 512, 1024),
            "critic_hidden": (1024, 512, 256),
            "n_iterations": 1_000_000,
            "generator_learning_rate": 1e-4,
            "critic_learning_rate": 1e-4,
            "patience": None,
            "ema_decay": None,
        },
        "tuned": {},
    }


class ConditionalGenerator(nn.Module):
    """Noise and types in, scaled expression out: layers with conditional batch normalisation and a rectified output.

    Parameters
    ----------
    n_latent
        Dimensions of the noise.
    hidden
        Widths of the hidden layers.
    n_genes, n_types
        Numbers of genes and types.
    """

    maximum: Tensor

    def __init__(self, n_latent: int, hidden: Sequence[int], *, n_genes: int, n_types: int) -> None:
        super().__init__()
        widths = [n_latent, *hidden]
        # The normalisation takes the mean away, and with it any bias.
        self.layers = nn.ModuleList(nn.Linear(before, after, bias=False) for before, after in pairwise(widths))
        self.norms = nn.ModuleList(ConditionalBatchNorm(width, n_types) for width in hidden)
        self.last = nn.Linear(widths[-1], n_genes)
        self.n_latent = n_latent
        self.register_buffer("maximum", torch.ones(n_genes))

    def forward(self, types: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return cells, ``(n_cells, n_genes)``, zeros among them, for type numbers ``(n_cells,)``."""
        device = types.device if generator is None else "cpu"
        x = torch.randn(len(types), self.n_latent, generator=generator, device=device).to(types.device)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = torch.relu(norm(layer(x), types))
        cells: Tensor = torch.relu(self.last(x))
        return cells


class ScGan(AdversarialTraining, ConditionalModel):
    """Types in, cells out, judged by a projection critic with a gradient penalty.

    After the conditional scGAN: conditional batch normalisation, projection critic, rectified output. Differences: the
    critic sees log1p CP10k of the selected genes scaled to [0, 1] instead of counts scaled to one library size, so no
    output layer normalises, and the learning rate does not decay.

    References
    ----------
    Marouf et al., Nature Communications 2020, doi:10.1038/s41467-019-14018-z.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.ScGan(n_iterations=2, n_top_genes=100, validate_every=2)
    >>> model.fit(sg.datasets.pbmc68k(), labels_key="cell_type").sample({"Dendritic": 5}).shape
    (5, 765)
    """

    name = "scgan"
    Config: ClassVar[type[Any]] = ScGanConfig
    parts_types: ClassVar[Mapping[str, type[Any]]] = {"space": JointSpace}

    def objective(self) -> Objective:
        """Difference of mean scores."""
        return Wasserstein()

    def penalties(self) -> tuple[Penalty, ...]:
        """Hold the critic's gradient at norm one."""
        return (GradientPenalty(self.config.gradient_penalty),)

    def build(self, data: TrainingData, options: FitOptions) -> None:
        """Fit the fitted parts and make the networks."""
        super().build(data, options)
        scaler = MaxScaler.fit(data.log_expr)
        n_types = len(data.types)
        space = JointSpace.fit(data.log_expr, data.labels, n_types, random_state=self.config.random_state)
        self.parts["space"] = space
        self._columns = {REAL: sparse.csr_matrix(scaler.transform(data.log_expr)), TYPE: data.labels}
        self.sizes = {"n_genes": data.log_expr.shape[1], "n_types": n_types}
        self.networks = self.skeleton()
        self._generator().maximum.copy_(torch.from_numpy(scaler.maximum))

    def _generator(self) -> ConditionalGenerator:
        generator = self.networks["generator"]
        if not isinstance(generator, ConditionalGenerator):
            msg = f"{type(self).__name__}.skeleton() must make a ConditionalGenerator"
            raise TypeError(msg)
        return generator

    def skeleton(self) -> nn.ModuleDict:
        """Return generator and critic."""
        c, n_genes, n_types = self.config, self.sizes["n_genes"], self.sizes["n_types"]
        generator = ConditionalGenerator(c.n_latent, c.generator_hidden, n_genes=n_genes, n_types=n_types)
        *widths, n_features = c.critic_hidden
        features = nn.Sequential(mlp(n_genes, widths, n_features, activation=nn.LeakyReLU), nn.LeakyReLU())
        critic = ProjectionCritic(features, n_features, n_categories=(n_types,))
        critic.score = nn.Linear(n_features, 1, bias=False)  # a constant drops out of a difference of means
        for penalty in self.penalties():
            penalty.prepare(critic)
        return nn.ModuleDict({"generator": generator, "critic": critic})

    def fake(self, generator: nn.Module, batch: Batch) -> Tensor:
        """Return a generated cell of the type of each real one."""
        cells: Tensor = generator(batch[TYPE])
        return cells

    def scores(self, critic: nn.Module, cells: Tensor, batch: Batch) -> Tensor:
        """Return the critic's outputs given the types."""
        types = batch[TYPE]
        outputs: Tensor = critic(cells, types.repeat(len(cells) // len(types)))
        return outputs

    def _validator(self, validation: ValidationData) -> Callable[[], float]:
        known = np.flatnonzero(validation.labels >= 0)
        labels, real = validation.labels[known], validation.log_expr[known]

        def score() -> float:
            generator = torch.Generator().manual_seed(self.config.random_state)
            return float(self.parts["space"].distance(self.generate(labels, generator), real, labels, generator))

        return score

    @torch.no_grad()
    def generate(self, labels: NDArray[np.int64], generator: torch.Generator) -> NDArray[np.float32]:
        """Return log1p CP10k of the modelled genes, ``(n_cells, n_genes)``; no value above the largest in training."""
        network = self._generator()
        scaled = network(torch.from_numpy(labels).to(network.maximum.device), generator=generator)
        log_expr: NDArray[np.float32] = (scaled.clamp(max=1) * network.maximum).cpu().numpy()
        return log_expr
