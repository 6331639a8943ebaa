"""Adversarial models: objective + penalties + generator input + networks + head."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop

from scgarage.constraints import ConstraintPenalty, read_constraints
from scgarage.errors import InputError
from scgarage.losses import Game, Objective, Penalty, objective_named, penalties_named
from scgarage.models.collapse import diagnosis
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.expression_head import ExpressionHead
from scgarage.models.gene_space import GeneSpaceModel, UnconditionalModel
from scgarage.models.options import FitOptions
from scgarage.models.seeded_generator import Generator, SeedCells
from scgarage.models.validation_points import ValidationPoints
from scgarage.nn import SigmoidScaledHead
from scgarage.preprocess import MaxScaler
from scgarage.training import Batch, Losses, Phase, TrainResult
from scgarage.training.collapse import CollapseMonitor, with_monitor

__all__ = ["LIBRARY", "REAL", "AdversarialModel", "AdversarialTraining", "Generator", "SeedCells"]

REAL = "scaled"
"""Column of the batches that holds real cells as the critic sees them."""

LIBRARY = "library"
"""Column of the batches with library sizes, counts, for heads that make counts."""


class AdversarialTraining(GeneSpaceModel):
    """A generator and a critic that take turns, whatever they are.

    A subclass writes :meth:`objective` and ``skeleton``, :meth:`penalties` when its critic must be kept smooth, and
    :meth:`fake` and :meth:`scores` when its networks are told the types. The settings ``objective``, ``penalties``,
    ``head`` and ``constraints`` replace the model's own. The networks are called ``"generator"`` and ``"critic"``;
    ``build`` puts the columns of the batches into ``_columns``.
    """

    _columns: dict[str, Any]
    _constraints: ConstraintPenalty | None = None
    _monitor: CollapseMonitor | None = None

    @abstractmethod
    def objective(self) -> Objective:
        """Return the model's own pair of losses."""

    def penalties(self) -> tuple[Penalty, ...]:
        """Return the model's own penalties of the critic; nothing by default."""
        return ()

    @abstractmethod
    def _head(self) -> nn.Module:
        """Return the part of the generator that knows ``maximum`` and ``log_expr``."""

    @abstractmethod
    def _validation_points(self, validation: ValidationData) -> ValidationPoints:
        """Return validation cells, and a function that generates as many, in the same components."""

    @abstractmethod
    def _smooth_generator(self) -> tuple[nn.Module, Tensor, dict[str, Tensor]]:
        """Return the generator, some of its inputs, and what else its ``smooth`` wants for one of them."""

    def game(self) -> Game:
        """Return objective and penalties: the settings', else the model's own.

        Raises
        ------
        InputError
            When the two do not go together.
        """
        c = self.config
        return Game(
            self.objective() if c.objective is None else objective_named(c.objective),
            self.penalties() if c.penalties is None else penalties_named(c.penalties),
        )

    def optimizer(self, module: nn.Module, learning_rate: float) -> Optimizer:
        """Return the optimiser of a network."""
        if self.config.optimizer == "rmsprop":
            return RMSprop(module.parameters(), lr=learning_rate)
        return Adam(module.parameters(), lr=learning_rate, betas=self.config.adam_betas, fused=True)

    def phases(self) -> list[Phase]:
        """Critic steps, if there is a critic, then generator steps."""
        config, game = self.config, self.game()
        generator = self.networks["generator"]
        phases = [
            Phase(
                "generator",
                generator,
                self.optimizer(generator, config.generator_learning_rate),
                partial(self._generator_losses, game),
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
            self.optimizer(critic, config.critic_learning_rate),
            partial(self._critic_losses, game),
            n_steps=config.n_critic_steps,
            clip_norm=config.clip_norm,
            after_step=partial(game.after_critic_step, critic) if game.changes_critic else None,
        )
        return [turn, *phases]

    def fake(self, generator: nn.Module, batch: Batch) -> Tensor:
        """Return as many generated cells as the batch has real ones, as the critic sees them."""
        cells: Tensor = generator(len(batch[REAL]), library=batch.get(LIBRARY))
        return cells

    def scores(self, critic: nn.Module, cells: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002  (for conditional critics)
        """Return the critic's outputs for cells that belong to the batch, once or several times over."""
        outputs: Tensor = critic(cells)
        return outputs

    def _critic_losses(self, game: Game, critic: nn.Module, batch: Batch) -> Losses:
        with torch.no_grad():
            fake = self.fake(self.networks["generator"], batch)
        return game.critic_losses(
            self.networks["critic"], lambda cells: self.scores(critic, cells, batch), batch[REAL], fake
        )

    def _generator_losses(self, game: Game, generator: nn.Module, batch: Batch) -> Losses:
        fake = self.fake(generator, batch)
        critic = self.networks["critic"] if game.has_critic else None
        loss = game.generator_loss(
            critic, lambda cells: self.scores(self.networks["critic"], cells, batch), batch[REAL], fake
        )
        if not self._constraints:
            return {"loss": loss}
        broken = self._constraints(self._head().log_expr(fake))  # type: ignore[operator]  # a module forgets its types
        return {"loss": loss + self.config.constraint_weight * broken, "constraints": broken}

    def _begin(self, data: TrainingData) -> None:
        """Check what the settings ask for, before anything is fitted."""
        self.game()
        names = data.var.index[data.modelled].astype(str).tolist()
        said = self.config.constraints
        self._constraints = None if said is None else ConstraintPenalty(read_constraints(said), names)

    def _chosen_head(self) -> ExpressionHead | None:
        """Return the head of the settings for the sizes of the data, or ``None`` for the model's own."""
        name, sizes = self.config.head, self.sizes
        return None if name is None else ExpressionHead(name, sizes["n_genes"], has_rest=sizes["has_rest"] > 0)

    def _prepare_head(self, data: TrainingData, scaler: MaxScaler, last: nn.Module) -> None:
        """Fill in what the head has to know about the training cells, and the columns that it wants."""
        head = self._head()
        head.maximum.copy_(torch.from_numpy(scaler.maximum))  # type: ignore[operator]  # a module forgets its types
        if not isinstance(head, ExpressionHead):
            return
        if head.needs_counts and data.totals is None:
            msg = (
                f"head={self.config.head!r} makes shares of a cell's counts, and the cells hold {data.value_kind} "
                "values; fit on counts (layer=, or sg.pp.recover_counts), or use head='softplus' or 'sigmoid-scaled'"
            )
            raise InputError(msg)
        if head.needs_library and data.totals is not None:
            self._columns[LIBRARY] = data.totals.astype(np.float32)
        if not isinstance(last, nn.Linear):
            msg = f"the layer before the head must be linear; found {type(last).__name__}"
            raise TypeError(msg)
        mean_log = np.asarray(data.log_expr.mean(axis=0)).ravel()
        share = np.asarray(data.log_expr.expm1().mean(axis=0)).ravel() / 1e4
        head.start(last, mean_log, share)

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> TrainResult | None:  # noqa: ARG002
        """Train on mini-batches of scaled training cells until the validation score stops improving."""
        points = None if validation is None else self._validation_points(validation)
        monitor = None if points is None else points.monitor(self._smooth_generator)
        validate = None if points is None else points.validator(self.config.random_state, monitor)
        result = self.train_networks(self._columns, self.networks["generator"], options, validate=validate)
        del self._columns  # the training cells are needed no longer
        self._monitor = monitor
        return result if monitor is None else replace(result, history=with_monitor(result.history, monitor.rows))

    def _counts(
        self, log_expr: NDArray[np.float32], totals: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return counts of the modelled genes, by the head of the settings if it makes them."""
        head = self._head()
        if isinstance(head, ExpressionHead):
            return head.counts(log_expr, totals, rng)
        return super()._counts(log_expr, totals, rng)

    def _training_summary(self, result: TrainResult | None) -> dict[str, Any]:
        found = {} if result is None else diagnosis(result.history, result.best_step)
        return super()._training_summary(result) | ({"diagnosis": found} if found else {})


class AdversarialModel(AdversarialTraining, UnconditionalModel):
    """A generator against a critic in gene space.

    A subclass writes :meth:`objective` and :meth:`skeleton`, and :meth:`seed_cells` when its generator is fed real
    cells.
    """

    parts_types: ClassVar[Mapping[str, type[Any]]] = {**UnconditionalModel.parts_types, "seeds": SeedCells}

    def seed_cells(self, data: TrainingData, options: FitOptions) -> NDArray[np.int64]:  # noqa: ARG002  (subclasses use them)
        """Return the row numbers of the training cells that the generator is fed; none by default."""
        return np.empty(0, dtype=np.int64)

    def build(self, data: TrainingData, options: FitOptions) -> None:
        """Fit the fitted parts, pick the seeds and make the networks."""
        self._begin(data)
        super().build(data, options)
        scaler = MaxScaler.fit(data.log_expr)
        scaled = sparse.csr_matrix(scaler.transform(data.log_expr))
        self._columns = {REAL: scaled}
        rows = self.seed_cells(data, options)
        self.parts["seeds"] = SeedCells(data.labels[rows])
        self.sizes = {"n_genes": scaled.shape[1], "n_seeds": len(rows)}
        if self.config.head is not None:
            self.sizes["has_rest"] = int(not data.modelled.all())
        self.networks = self.skeleton()
        generator = self._generator()
        self._prepare_head(data, scaler, list(generator.layers.modules())[-1])
        if len(rows):
            generator.source.seeds.copy_(torch.from_numpy(scaled[rows].toarray()))

    def _generator(self) -> Generator:
        generator = self.networks["generator"]
        if not isinstance(generator, Generator):
            msg = f"{type(self).__name__}.skeleton() must make a Generator"
            raise TypeError(msg)
        return generator

    def _head(self) -> SigmoidScaledHead | ExpressionHead:
        return self._generator().head

    def _new_head(self) -> SigmoidScaledHead | ExpressionHead:
        """Return an untrained head: that of the settings, or a sigmoid."""
        return self._chosen_head() or SigmoidScaledHead(torch.ones(self.sizes["n_genes"]))

    def _validation_points(self, validation: ValidationData) -> ValidationPoints:
        components = self.parts["classifier"].components
        real = torch.from_numpy(components.transform(validation.log_expr))

        def draw(generator: torch.Generator) -> Tensor:
            made, _ = self._made(len(real), generator, library=validation.totals)
            return torch.from_numpy(components.transform(made))

        return ValidationPoints(real, validation.labels, draw)

    def _smooth_generator(self) -> tuple[nn.Module, Tensor, dict[str, Tensor]]:
        network = self._generator()
        return network, network.source(8, generator=torch.Generator().manual_seed(0)), {}

    def generate(self, n_cells: int, generator: torch.Generator, *, label: int | None = None) -> NDArray[np.float32]:
        """Return log1p CP10k of the modelled genes, ``(n_cells, n_genes)``, in random order.

        With ``label`` the seed rows of the input are seeds of that type, which is all that an unconditional
        generator can be told. A head that makes counts draws library sizes of all types.
        """
        rng = np.random.default_rng(int(generator.initial_seed()))
        return self.generate_sized(n_cells, generator, rng, label=label)[0]

    def generate_sized(
        self, n_cells: int, generator: torch.Generator, rng: np.random.Generator, *, label: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
        """Return what :meth:`generate` does, and library sizes when the head makes counts for them."""
        head, library = self._head(), None
        if isinstance(head, ExpressionHead) and head.needs_library:
            library = self.parts["library_sizes"].draw(np.full(n_cells, -1), rng)
        return self._made(n_cells, generator, library=library, label=label)

    @torch.no_grad()
    def _made(
        self,
        n_cells: int,
        generator: torch.Generator,
        *,
        library: NDArray[np.float64] | None,
        label: int | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
        network = self._generator()
        among = None if label is None else torch.from_numpy(np.flatnonzero(self.parts["seeds"].labels == label))
        sizes = None if library is None else torch.from_numpy(library.astype(np.float32))
        scaled = network(n_cells, generator=generator, among=among, library=sizes)
        log_expr = network.head.log_expr(scaled).cpu().numpy()
        order = torch.randperm(n_cells, generator=generator).numpy()
        return log_expr[order], None if library is None else library[order]
