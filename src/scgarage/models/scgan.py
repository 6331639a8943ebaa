"""scGAN: a conditional Wasserstein GAN with gradient penalty."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from scgarage.constraints import ConstraintPenalty
from scgarage.errors import InputError
from scgarage.losses import Game, GradientPenalty, Objective, Penalty, Wasserstein, sliced_wasserstein
from scgarage.models.adversarial import (
    LIBRARY,
    REAL,
    Duel,
    ExpressionHead,
    TechniquesConfig,
    chosen_constraints,
    chosen_game,
    chosen_head,
    prepare_head,
)
from scgarage.models.base import FitOptions, GenerativeModel, Learned, draw_by_type
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.gene_space import GeneSpace, rounded_counts
from scgarage.models.spec import Drawn, Wanted
from scgarage.nn import ProjectionCritic, mlp
from scgarage.nn.layers import ConditionalBatchNorm
from scgarage.pp import Components, MaxScaler
from scgarage.training import Phase
from scgarage.training.monitor import ValidationPoints


class ConditionalGenerator(nn.Module):
    """Noise and types in, scaled expression out: layers with conditional batch normalisation and a rectified output."""

    maximum: Tensor

    def __init__(
        self, n_latent: int, hidden: Sequence[int], *, n_genes: int, n_types: int, head: ExpressionHead | None = None
    ) -> None:
        super().__init__()
        widths = [n_latent, *hidden]
        # The normalisation takes the mean away, and with it any bias.
        self.layers = nn.ModuleList(nn.Linear(before, after, bias=False) for before, after in pairwise(widths))
        self.norms = nn.ModuleList(ConditionalBatchNorm(width, n_types) for width in hidden)
        self.last = nn.Linear(widths[-1], n_genes if head is None else head.n_logits)
        self.head = head
        self.n_latent = n_latent
        self.register_buffer("maximum", torch.ones(n_genes))

    def forward(
        self, types: Tensor, *, generator: torch.Generator | None = None, library: Tensor | None = None
    ) -> Tensor:
        """Return cells, ``(n_cells, n_genes)``, zeros among them, for type numbers ``(n_cells,)``."""
        device = types.device if generator is None else "cpu"
        x = torch.randn(len(types), self.n_latent, generator=generator, device=device).to(types.device)
        logits = self._logits(x, types)
        cells: Tensor = (
            torch.relu(logits) if self.head is None else self.head(logits, library=library, generator=generator)
        )
        return cells

    def smooth(self, noise: Tensor, types: Tensor) -> Tensor:
        """Return cells of one type for noise, ``(n_cells, n_latent)``, without the noise of a head that draws."""
        logits = self._logits(noise, types.expand(len(noise)))
        return torch.relu(logits) if self.head is None else self.head.smooth(logits)

    def log_expr(self, scaled: Tensor) -> Tensor:
        """Return log1p CP10k, ``(n_cells, n_genes)``, from what the critic sees."""
        return scaled * self.maximum

    def _logits(self, x: Tensor, types: Tensor) -> Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = torch.relu(norm(layer(x), types))
        logits: Tensor = self.last(x)
        return logits


@dataclass(frozen=True)
class JointSpace:
    """Class-balanced principal components beside the type as one-hot columns."""

    components: Components  # fitted on training cells
    height: NDArray[np.float32]  # value of the one-hot columns, (1,): the spread of the training cells
    n_types: NDArray[np.int64]  # number of types, (1,)

    @classmethod
    def fit(cls, log_expr: sparse.csr_matrix, labels: NDArray[np.int64], n_types: int, *, random_state: int) -> Self:
        """Fit on log1p CP10k of training cells, ``(n_cells, n_genes)``, and their type numbers."""
        components = Components.fit(log_expr, 50, labels=labels.astype(str), random_state=random_state)
        spread = np.sqrt(components.transform(log_expr).var(axis=0).sum())
        return cls(components, np.array([spread], dtype=np.float32), np.array([n_types], dtype=np.int64))

    def place(self, log_expr: sparse.csr_matrix | NDArray[np.floating], labels: NDArray[np.int64]) -> Tensor:
        """Return positions, ``(n_cells, n_components + n_types)``."""
        types = np.eye(int(self.n_types[0]), dtype=np.float32)[labels] * self.height
        return torch.from_numpy(np.hstack([self.components.transform(log_expr), types]))

    def distance(
        self, fake: NDArray[np.float32], real: sparse.csr_matrix, labels: NDArray[np.int64], generator: torch.Generator
    ) -> float:
        """Return the sliced Wasserstein distance of generated from real cells of the same types."""
        return float(sliced_wasserstein(self.place(fake, labels), self.place(real, labels), generator=generator))


TYPE = "type"
"""Column of the batches with the type numbers."""


@dataclass(frozen=True)
class ScGanConfig(TechniquesConfig):
    """Settings of :class:`ScGan`.

    ``PRESETS["published"]`` is the original: hidden layers of 256, 512 and 1024 units and the reverse, noise of 128
    dimensions, Adam 1e-4 (0.5, 0.9), 5 critic steps, batches of 128, 1,000,000 iterations.

    The others are those of :class:`TechniquesConfig`.

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
    generator_learning_rate: float = 1e-3
    critic_learning_rate: float = 1e-3
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


class ScGan(GenerativeModel):
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

    def game(self) -> Game:
        """Return objective and penalties.

        Raises
        ------
        InputError
            When the two do not go together, or the objective wants another critic than one that is told the types.
        """
        game = chosen_game(self.config, self.objective(), self.penalties())
        if game.objective.critic_output != "score":
            msg = (
                f"{self.name} has a critic that scores a cell given its type, and objective={self.config.objective!r} "
                f"wants {game.objective.critic_output}; use another objective, or the model gan"
            )
            raise InputError(msg)
        return game

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> Learned:
        """Fit the parts, make the networks and train them."""
        self.game()  # refuses what does not go together before anything is fitted
        constraints = chosen_constraints(self.config, data)
        self.parts = GeneSpace.fit(data)
        scaler = MaxScaler.fit(data.log_expr)
        n_types = len(data.types)
        space = JointSpace.fit(data.log_expr, data.labels, n_types, random_state=self.config.random_state)
        self.parts["space"] = space
        self.sizes = {"n_genes": data.log_expr.shape[1], "n_types": n_types}
        if self.config.head is not None:
            self.sizes["has_rest"] = int(not data.modelled.all())
        self.networks = self.skeleton()
        columns = {REAL: sparse.csr_matrix(scaler.transform(data.log_expr)), TYPE: data.labels}
        columns |= prepare_head(self._head(), data, scaler, self._generator().last)
        points = None if validation is None else self._validation_points(validation)
        return self.duel(constraints).train(columns, points, self._smooth, options, name=self.name)

    def _generator(self) -> ConditionalGenerator:
        generator = self.networks["generator"]
        if not isinstance(generator, ConditionalGenerator):
            msg = f"{type(self).__name__}.skeleton() must make a ConditionalGenerator"
            raise TypeError(msg)
        return generator

    def _head(self) -> ConditionalGenerator | ExpressionHead:
        generator = self._generator()
        return generator if generator.head is None else generator.head

    def skeleton(self) -> nn.ModuleDict:
        """Return generator and critic."""
        c, n_genes, n_types = self.config, self.sizes["n_genes"], self.sizes["n_types"]
        game, head = self.game(), chosen_head(c, self.sizes)
        generator = ConditionalGenerator(c.n_latent, c.generator_hidden, n_genes=n_genes, n_types=n_types, head=head)
        *widths, n_features = c.critic_hidden
        features = nn.Sequential(mlp(n_genes, widths, n_features, activation=nn.LeakyReLU), nn.LeakyReLU())
        critic = ProjectionCritic(features, n_features, n_categories=(n_types,))
        if game.objective.shift_invariant:
            critic.score = nn.Linear(n_features, 1, bias=False)
        game.apply_to(critic)
        return nn.ModuleDict({"generator": generator, "critic": critic})

    def duel(self, constraints: ConstraintPenalty | None = None) -> Duel:
        """Return generator and critic as they are trained: a generated cell of the type of each real one."""
        return Duel(
            self.networks,
            self.game(),
            self.config,
            fake=lambda generator, batch: generator(batch[TYPE], library=batch.get(LIBRARY)),
            scores=lambda critic, cells, batch: critic(cells, batch[TYPE].repeat(len(cells) // len(batch[TYPE]))),
            log_expr=self._head().log_expr,
            constraints=constraints,
        )

    def phases(self) -> list[Phase]:
        """Critic steps, then generator steps."""
        return self.duel().phases()

    def _validation_points(self, validation: ValidationData) -> ValidationPoints:
        known = np.flatnonzero(validation.labels >= 0)
        labels, space = validation.labels[known], self.parts["space"]
        library = None if validation.totals is None else validation.totals[known]

        def draw(generator: torch.Generator) -> Tensor:
            made: Tensor = space.place(self.generate(labels, generator, library=library), labels)
            return made

        # The columns after the components say which type was asked for, not what came out.
        n_components = len(space.components.axes)
        return ValidationPoints(space.place(validation.log_expr[known], labels), labels, draw, n_components)

    def _smooth(self) -> tuple[nn.Module, Tensor, dict[str, Tensor]]:
        network = self._generator()
        noise = torch.randn(8, network.n_latent, generator=torch.Generator().manual_seed(0))
        device = network.maximum.device
        return network, noise.to(device), {"types": torch.zeros(1, dtype=torch.int64, device=device)}

    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        """Generate cells and complete them; a head that makes counts is told their library sizes."""
        space, head = GeneSpace(self.parts, self.modelled), self._head()
        counts = head.counts if isinstance(head, ExpressionHead) else rounded_counts

        def make(labels: NDArray[np.int64]) -> sparse.csr_matrix:
            library = space.totals(labels, rng) if isinstance(head, ExpressionHead) and head.needs_library else None
            log_expr = self.generate(labels, generator, library=library)
            return space.complete(log_expr, labels, rng, totals=library, counts=counts)

        return draw_by_type(self, wanted, rng, make)

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:
        """Return the classes of the fitted parts."""
        return dict(self.parts_types) | GeneSpace.kinds(value_kind)

    @torch.no_grad()
    def generate(
        self, labels: NDArray[np.int64], generator: torch.Generator, *, library: NDArray[np.float64] | None = None
    ) -> NDArray[np.float32]:
        """Return log1p CP10k of the modelled genes, ``(n_cells, n_genes)``.

        No value lies above the largest in training, unless a head draws counts.
        """
        network, head = self._generator(), self._head()
        sizes = None if library is None else torch.from_numpy(library.astype(np.float32))
        scaled = network(torch.from_numpy(labels).to(network.maximum.device), generator=generator, library=sizes)
        if network.head is None:
            scaled = scaled.clamp(max=1)
        log_expr: NDArray[np.float32] = head.log_expr(scaled).cpu().numpy()
        return log_expr
