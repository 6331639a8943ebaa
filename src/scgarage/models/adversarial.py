"""Training a generator against a critic: networks, techniques, validation, collapse."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop

from scgarage.constraints import ConstraintPenalty, read_constraints, to_texts
from scgarage.errors import InputError
from scgarage.io.cells import TARGET_SUM, counts_from_log_expr
from scgarage.losses import Game, Objective, Penalty, as_texts, objective_named, penalties_named, reconstruction_error
from scgarage.models.base import FitOptions, GenerativeModel, Learned, train_networks
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.gene_space import GeneSpace, LabelClassifier, Labelled, rounded_counts
from scgarage.models.spec import Drawn, Wanted
from scgarage.nn import HEADS, ALRHead, Head, HybridInput, NegativeBinomialHead, SigmoidScaledHead, ZINBHead, mlp
from scgarage.pp import MaxScaler
from scgarage.training import Batch, Losses, Phase
from scgarage.training.monitor import ValidationPoints, diagnosis, with_monitor

SMALLEST = 1e-7
"""Smallest mean share of a gene that a head starts from."""


class ExpressionHead(nn.Module):
    r"""A head, and the way from what it makes to what a critic sees: log1p CP10k over each gene's largest value.

    ================== ============================== ===========================================
    head makes         the critic sees                counts of a sampled cell of :math:`L` counts
    ================== ============================== ===========================================
    scaled log1p CP10k the same                       CP10k times :math:`L`, rounded
    log1p CP10k        :math:`x / m`                  the same
    proportions        :math:`\log(1 + 10^4 p) / m`   multinomial draw of :math:`L` counts
    counts             :math:`\log(1 + 10^4 c / L)/m` the head's own draw :math:`c`
    ================== ============================== ===========================================

    Proportions and counts have one more entry for all genes that are not modelled, so that those modelled need not add
    up to a constant.
    """

    maximum: Tensor

    def __init__(self, name: str, n_genes: int, *, has_rest: bool) -> None:
        super().__init__()
        check_head(name)
        self.name, kind = name, HEADS[name]
        n_outputs = n_genes + int(has_rest and kind.space in ("proportions", "counts"))
        self.head: Head = kind(n_outputs, mean="softmax") if kind.space == "counts" else kind.for_genes(n_outputs)
        self.n_genes, self.n_outputs, self.n_logits = n_genes, n_outputs, self.head.n_logits
        self.register_buffer("maximum", torch.ones(n_genes))

    @property
    def needs_library(self) -> bool:
        """Whether it must be told library sizes when it makes cells."""
        return self.head.space == "counts"

    @property
    def needs_counts(self) -> bool:
        """Whether it can only learn from counts."""
        return self.head.space in ("counts", "proportions")

    def forward(
        self, logits: Tensor, *, library: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return what the critic sees, ``(n_cells, n_genes)``; arguments as of :class:`scgarage.nn.Head`."""
        made = self.head(logits, library=library, generator=generator)
        if self.head.space == "counts" and library is not None:
            made = made / library.to(made.device).reshape(-1, 1)
        return self._seen(made)

    def smooth(self, logits: Tensor) -> Tensor:
        """Return what the critic would see without the noise of a draw: the expected counts."""
        one = logits.new_ones(len(logits))
        if isinstance(self.head, NegativeBinomialHead):
            return self._seen(self.head.distribution(logits, library=one).mean)
        if isinstance(self.head, ZINBHead):
            counts = self.head.distribution(logits, library=one)
            return self._seen(counts.mean * torch.sigmoid(-counts.zero_logits))
        return self._seen(self.head(logits))

    def _seen(self, made: Tensor) -> Tensor:
        values = made[:, : self.n_genes]
        if self.head.space == "scaled log1p CP10k":
            return values
        if self.head.space != "log1p CP10k":
            values = torch.log1p(TARGET_SUM * values)
        return values / self.maximum

    def log_expr(self, scaled: Tensor) -> Tensor:
        """Return log1p CP10k, ``(n_cells, n_genes)``, from what the critic sees."""
        return scaled * self.maximum

    def counts(
        self, log_expr: NDArray[np.float32], totals: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return whole counts, ``(n_cells, n_genes)``, of generated cells with library sizes ``(n_cells,)``."""
        if self.head.space != "proportions":
            return counts_from_log_expr(log_expr, totals)  # of drawn counts: those very counts
        shares = np.expm1(log_expr.astype(np.float64)) / TARGET_SUM
        shares = np.hstack([shares, np.maximum(1 - shares.sum(axis=1, keepdims=True), 0)])
        drawn = rng.multinomial(np.rint(totals).astype(np.int64), shares / shares.sum(axis=1, keepdims=True))
        return drawn[:, : self.n_genes].astype(np.float32)

    @torch.no_grad()
    def start(self, last: nn.Linear, mean_log_expr: NDArray[np.floating], mean_share: NDArray[np.floating]) -> None:
        """Let an untrained generator make cells near the mean of the training cells."""
        if self.head.space == "scaled log1p CP10k":
            return
        if self.head.space == "log1p CP10k":
            means = torch.from_numpy(np.maximum(mean_log_expr, 1e-3))
            last.bias.copy_(means + torch.log(-torch.expm1(-means)))  # the inverse of softplus
            return
        shares = mean_share if self.n_outputs == self.n_genes else np.append(mean_share, 1 - mean_share.sum())
        logs = torch.from_numpy(np.log(np.maximum(shares, SMALLEST)))
        if isinstance(self.head, ALRHead):
            last.bias.copy_(logs[:-1] - logs[-1])
            return
        last.bias[: self.n_outputs] = logs.to(last.bias.dtype)
        if isinstance(self.head, ZINBHead):
            last.bias[-self.n_outputs :] = -2.0  # about one zero in eight is a technical one


def check_head(name: str) -> None:
    """Raise unless there is a head of that name that makes expression."""
    names = [known for known, kind in HEADS.items() if kind.space != "one-hot"]
    if name not in names:
        letters = "; it makes letters of sequences, not expression" if name in HEADS else ""
        msg = f"head must be one of {', '.join(map(repr, names))}; found {name!r}{letters}"
        raise InputError(msg)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky-relu": lambda: nn.LeakyReLU(0.2),
}


@dataclass(frozen=True)
class SeedCells:
    """What is kept about the seed cells besides their expression, which lies in the generator's input."""

    labels: NDArray[np.int64]  # type number of each seed, shape (n_seeds,)


class Generator(nn.Module):
    """Input, layers and head in one: ``n`` cells out for the number ``n`` in."""

    def __init__(self, source: HybridInput, layers: nn.Module, head: SigmoidScaledHead | ExpressionHead) -> None:
        super().__init__()
        self.source, self.layers, self.head = source, layers, head

    def forward(self, n_cells: int, *, library: Tensor | None = None, **how: Any) -> Tensor:
        """Return ``n_cells`` generated cells, ``(n_cells, n_genes)``; ``how`` is passed to the input."""
        logits = self.layers(self.source(n_cells, **how))
        cells: Tensor = self.head(logits, library=library, generator=how.get("generator"))
        return cells

    def smooth(self, rows: Tensor) -> Tensor:
        """Return cells for input rows, without the noise of a head that draws."""
        logits = self.layers(rows)
        cells: Tensor = self.head.smooth(logits) if isinstance(self.head, ExpressionHead) else self.head(logits)
        return cells


N_FEATURES = 16
"""Outputs of a critic whose objective compares features."""


class AutoencoderCritic(nn.Module):
    r"""How badly an autoencoder reconstructs a cell, :math:`L(v) = \mathrm{mean}_j |v_j - D(v)_j|`.

    References
    ----------
    Berthelot, Schumm & Metz 2017, arXiv:1703.10717.
    """

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, cells: Tensor) -> Tensor:
        """Return the error of each cell, shape ``(n_cells, 1)``."""
        return reconstruction_error(cells, self.layers(cells))


def make_critic(
    game: Game, n_genes: int, hidden: Sequence[int], *, activation: Callable[[], nn.Module], bias: bool | None = None
) -> nn.Module:
    """Return an untrained critic as the objective and the penalties want it."""
    objective = game.objective
    if objective.critic_output == "reconstruction error":
        critic: nn.Module = AutoencoderCritic(mlp(n_genes, [*hidden, *hidden[-2::-1]], n_genes, activation=activation))
    else:
        n_outputs = 1 if objective.critic_output == "score" else N_FEATURES
        layers = mlp(n_genes, hidden, n_outputs, activation=activation)
        if not (not objective.shift_invariant if bias is None else bias):
            layers[-1] = nn.Linear([n_genes, *hidden][-1], n_outputs, bias=False)
        critic = layers
    game.apply_to(critic)
    return critic


@dataclass(frozen=True)
class TechniquesConfig:
    """Settings that replace a part of an adversarial model; ``None`` keeps the model's own (docs/objectives.md).

    Attributes
    ----------
    objective
        Name of :data:`scgarage.losses.OBJECTIVES`, perhaps with settings: ``"hinge"``, ``"bce:real_label=0.9"``.
    penalties
        Names of :data:`scgarage.losses.PENALTIES` with their strength, such as ``["r1:1", "r2:1"]``; ``[]`` for none.
    head
        Name of :data:`scgarage.nn.HEADS`, such as ``"negative-binomial"``.
    constraints
        YAML or JSON file, or a list of mappings, see docs/constraints.md; kept as JSON texts.
    constraint_weight
        Weight of all constraints together in the generator's loss.
    """

    objective: str | None = None
    penalties: str | tuple[str, ...] | None = None
    head: str | None = None
    constraints: str | tuple[Any, ...] | None = None
    constraint_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.penalties is not None:
            object.__setattr__(self, "penalties", as_texts(self.penalties))
        if self.objective is not None:
            objective_named(self.objective)
        penalties_named(self.penalties or ())
        if self.head is not None:
            check_head(self.head)
        if self.constraints is not None:
            # The file may change or go away; a saved model says what it was trained with.
            object.__setattr__(self, "constraints", to_texts(read_constraints(self.constraints)))
        if not self.constraint_weight >= 0:
            msg = f"constraint_weight must be at least 0; found {self.constraint_weight}"
            raise InputError(msg)


REAL = "scaled"
"""Column of the batches that holds real cells as the critic sees them."""

LIBRARY = "library"
"""Column of the batches with library sizes, counts, for heads that make counts."""


@dataclass(frozen=True)
class Duel:
    """A generator and a critic that take turns, whatever they are."""

    networks: nn.ModuleDict  # "generator" and, if the objective wants one, "critic"
    game: Game
    config: Any
    fake: Callable[[nn.Module, Batch], Tensor]  # generated cells for a batch, as the critic sees them
    scores: Callable[[nn.Module, Tensor, Batch], Tensor]  # the critic's outputs for cells that belong to a batch
    log_expr: Callable[[Tensor], Tensor]  # log1p CP10k of what the critic sees
    constraints: ConstraintPenalty | None = None

    def phases(self) -> list[Phase]:
        """Critic steps, if there is a critic, then generator steps."""
        config, game = self.config, self.game
        generator = self.networks["generator"]
        phases = [
            Phase(
                "generator",
                generator,
                self._optimizer(generator, config.generator_learning_rate),
                self._generator_losses,
                n_steps=config.n_generator_steps,
                clip_norm=config.clip_norm,
            )
        ]
        if not game.has_critic:
            return phases
        critic = self.networks["critic"]
        turn = Phase(
            "critic",
            critic,
            self._optimizer(critic, config.critic_learning_rate),
            self._critic_losses,
            n_steps=config.n_critic_steps,
            clip_norm=config.clip_norm,
            after_step=partial(game.after_critic_step, critic) if game.changes_critic else None,
        )
        return [turn, *phases]

    def _optimizer(self, module: nn.Module, learning_rate: float) -> Optimizer:
        if self.config.optimizer == "rmsprop":
            return RMSprop(module.parameters(), lr=learning_rate)
        return Adam(module.parameters(), lr=learning_rate, betas=self.config.adam_betas, fused=True)

    def _critic_losses(self, critic: nn.Module, batch: Batch) -> Losses:
        with torch.no_grad():
            fake = self.fake(self.networks["generator"], batch)
        return self.game.critic_losses(
            self.networks["critic"], lambda cells: self.scores(critic, cells, batch), batch[REAL], fake
        )

    def _generator_losses(self, generator: nn.Module, batch: Batch) -> Losses:
        fake = self.fake(generator, batch)
        critic = self.networks["critic"] if self.game.has_critic else None
        loss = self.game.generator_loss(
            critic, lambda cells: self.scores(self.networks["critic"], cells, batch), batch[REAL], fake
        )
        if not self.constraints:
            return {"loss": loss}
        broken = self.constraints(self.log_expr(fake))
        return {"loss": loss + self.config.constraint_weight * broken, "constraints": broken}

    def train(
        self,
        columns: Mapping[str, Any],
        points: ValidationPoints | None,
        smooth: Callable[[], tuple[nn.Module, Tensor, dict[str, Tensor]]],
        options: FitOptions,
        *,
        name: str,
    ) -> Learned:
        """Train on mini-batches until the validation score stops improving, and watch for mode collapse."""
        monitor = None if points is None else points.monitor(smooth)
        validate = None if points is None else points.validator(self.config.random_state, monitor)
        averaged = self.networks["generator"]
        result = train_networks(self.config, self.phases(), columns, averaged, options, validate=validate, name=name)
        if monitor is not None:
            result = replace(result, history=with_monitor(result.history, monitor.rows))
        found = diagnosis(result.history, result.best_step)
        return Learned(result, {"diagnosis": found} if found else {})


def chosen_game(config: TechniquesConfig, objective: Objective, penalties: tuple[Penalty, ...]) -> Game:
    """Return objective and penalties: the settings', else the model's own."""
    return Game(
        objective if config.objective is None else objective_named(config.objective),
        penalties if config.penalties is None else penalties_named(config.penalties),
    )


def chosen_constraints(config: TechniquesConfig, data: TrainingData) -> ConstraintPenalty | None:
    """Return the penalty of the constraints of the settings, if there are any."""
    said, names = config.constraints, data.var.index[data.modelled].astype(str).tolist()
    return None if said is None else ConstraintPenalty(read_constraints(said), names)


def chosen_head(config: TechniquesConfig, sizes: Mapping[str, int]) -> ExpressionHead | None:
    """Return the head of the settings for the sizes of the data, or ``None`` for the model's own."""
    name = config.head
    return None if name is None else ExpressionHead(name, sizes["n_genes"], has_rest=sizes["has_rest"] > 0)


def prepare_head(head: nn.Module, data: TrainingData, scaler: MaxScaler, last: nn.Module) -> dict[str, Any]:
    """Fill in what the head has to know about the training cells; return the columns of the batches that it wants."""
    head.maximum.copy_(torch.from_numpy(scaler.maximum))  # type: ignore[operator]  # a module forgets its types
    if not isinstance(head, ExpressionHead):
        return {}
    if head.needs_counts and data.totals is None:
        msg = (
            f"head={head.name!r} makes shares of a cell's counts, and the cells hold {data.value_kind} "
            "values; fit on counts (layer=, or sg.pp.recover_counts), or use head='softplus' or 'sigmoid-scaled'"
        )
        raise InputError(msg)
    if not isinstance(last, nn.Linear):
        msg = f"the layer before the head must be linear; found {type(last).__name__}"
        raise TypeError(msg)
    mean_log = np.asarray(data.log_expr.mean(axis=0)).ravel()
    share = np.asarray(data.log_expr.expm1().mean(axis=0)).ravel() / 1e4
    head.start(last, mean_log, share)
    if not head.needs_library or data.totals is None:
        return {}
    return {LIBRARY: data.totals.astype(np.float32)}


@dataclass(frozen=True)
class ChosenSeeds:
    """Training cells that the generator is fed, and what the model's description says about them."""

    rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    about: dict[str, Any] = field(default_factory=dict)
    history: pd.DataFrame | None = None  # of what was trained to choose them


class AdversarialModel(GenerativeModel):
    """A generator against a critic in gene space, unaware of types.

    Models differ in :meth:`objective`, :meth:`penalties`, the generator's input (:meth:`source`, :meth:`seed_cells`)
    and the widths of their networks.
    """

    parts_types: ClassVar[Mapping[str, type[Any]]] = {"classifier": LabelClassifier, "seeds": SeedCells}

    # ------------------------------------------------------------------ what makes one model of another
    @abstractmethod
    def objective(self) -> Objective:
        """Return the model's own pair of losses."""

    def penalties(self) -> tuple[Penalty, ...]:
        """Return the model's own penalties of the critic; nothing by default."""
        return ()

    @property
    def critic_bias(self) -> bool | None:
        """Whether a constant in the critic's output changes the model's own objective; ``None``: as the game says."""
        return True

    def source(self) -> HybridInput:
        """Return the generator's input; noise alone by default."""
        return HybridInput(torch.zeros(0, self.config.n_latent), leakage=0.0)

    def seed_cells(self, data: TrainingData, options: FitOptions) -> ChosenSeeds:  # noqa: ARG002  (subclasses use them)
        """Return the training cells that the generator is fed; none by default."""
        return ChosenSeeds()

    def activation(self) -> Callable[[], nn.Module]:
        """Return what follows each hidden layer of generator and critic."""
        return ACTIVATIONS[self.config.activation]

    # ------------------------------------------------------------------ the same for all
    def game(self) -> Game:
        """Return objective and penalties: the settings', else the model's own."""
        return chosen_game(self.config, self.objective(), self.penalties())

    def skeleton(self) -> nn.ModuleDict:
        """Return generator and critic, if the objective has one."""
        c, n_genes, game = self.config, self.sizes["n_genes"], self.game()
        activation, source = self.activation(), self.source()
        head = chosen_head(c, self.sizes) or SigmoidScaledHead(torch.ones(n_genes))
        layers = mlp(source.seeds.shape[1], c.generator_hidden, head.n_logits, activation=activation)
        networks = nn.ModuleDict({"generator": Generator(source, layers, head)})
        if game.has_critic:
            bias = self.critic_bias if c.objective is None else None
            networks["critic"] = make_critic(game, n_genes, c.critic_hidden, activation=activation, bias=bias)
        return networks

    def duel(self, constraints: ConstraintPenalty | None = None) -> Duel:
        """Return generator and critic as they are trained."""
        return Duel(
            self.networks,
            self.game(),
            self.config,
            fake=lambda generator, batch: generator(len(batch[REAL]), library=batch.get(LIBRARY)),
            scores=lambda critic, cells, batch: critic(cells),  # noqa: ARG005  (it is told no types)
            log_expr=self._generator().head.log_expr,
            constraints=constraints,
        )

    def phases(self) -> list[Phase]:
        """Critic steps, if there is a critic, then generator steps."""
        return self.duel().phases()

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> Learned:
        """Fit the parts, pick the seeds, make the networks and train them."""
        self.game()  # refuses what does not go together before anything is fitted
        constraints = chosen_constraints(self.config, data)
        self.parts = Labelled.fit(data, random_state=self.config.random_state)
        scaler = MaxScaler.fit(data.log_expr)
        scaled = sparse.csr_matrix(scaler.transform(data.log_expr))
        seeds = self.seed_cells(data, options)
        self.parts["seeds"] = SeedCells(data.labels[seeds.rows])
        self.sizes = {"n_genes": scaled.shape[1], "n_seeds": len(seeds.rows)}
        if self.config.head is not None:
            self.sizes["has_rest"] = int(not data.modelled.all())
        self.networks = self.skeleton()
        generator = self._generator()
        columns = {REAL: scaled} | prepare_head(generator.head, data, scaler, list(generator.layers.modules())[-1])
        if len(seeds.rows):
            generator.source.seeds.copy_(torch.from_numpy(scaled[seeds.rows].toarray()))
        points = None if validation is None else self._validation_points(validation)
        learned = self.duel(constraints).train(columns, points, self._smooth, options, name=self.name)
        return replace(learned, about=learned.about | seeds.about, before=seeds.history)

    def _generator(self) -> Generator:
        generator = self.networks["generator"]
        if not isinstance(generator, Generator):
            msg = f"{type(self).__name__}.skeleton() must make a Generator"
            raise TypeError(msg)
        return generator

    def _validation_points(self, validation: ValidationData) -> ValidationPoints:
        components = self.parts["classifier"].components
        real = torch.from_numpy(components.transform(validation.log_expr))

        def draw(generator: torch.Generator) -> Tensor:
            made, _ = self._made(len(real), generator, library=validation.totals)
            return torch.from_numpy(components.transform(made))

        return ValidationPoints(real, validation.labels, draw)

    def _smooth(self) -> tuple[nn.Module, Tensor, dict[str, Tensor]]:
        network = self._generator()
        return network, network.source(8, generator=torch.Generator().manual_seed(0)), {}

    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        """Draw cells and label them."""
        c, head = self.config, self._generator().head
        return Labelled(
            GeneSpace(self.parts, self.modelled),
            self.generate,
            self.types,
            c.label_threshold,
            c.max_draws_per_cell,
            self.name,
            head.counts if isinstance(head, ExpressionHead) else rounded_counts,
        ).draw(wanted, generator, rng)

    def generate(
        self, n_cells: int, generator: torch.Generator, rng: np.random.Generator, *, label: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
        """Return log1p CP10k of the modelled genes in random order, and library sizes when the head wants them."""
        head, library = self._generator().head, None
        if isinstance(head, ExpressionHead) and head.needs_library:
            library = self.parts["library_sizes"].draw(np.full(n_cells, -1), rng)
        return self._made(n_cells, generator, library=library, label=label)

    @torch.no_grad()
    def _made(
        self, n_cells: int, generator: torch.Generator, *, library: NDArray[np.float64] | None, label: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
        network = self._generator()
        among = None if label is None else torch.from_numpy(np.flatnonzero(self.parts["seeds"].labels == label))
        sizes = None if library is None else torch.from_numpy(library.astype(np.float32))
        scaled = network(n_cells, generator=generator, among=among, library=sizes)
        log_expr = network.head.log_expr(scaled).cpu().numpy()
        order = torch.randperm(n_cells, generator=generator).numpy()
        return log_expr[order], None if library is None else library[order]

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:
        """Return the classes of the fitted parts."""
        return dict(self.parts_types) | GeneSpace.kinds(value_kind)
