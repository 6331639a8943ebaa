"""Adversarial models: objective + generator input + networks."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop

from scgarage.losses import Objective, Penalty, sliced_wasserstein
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.gene_space import GeneSpaceModel, UnconditionalModel
from scgarage.models.options import FitOptions
from scgarage.nn import HybridInput, SigmoidScaledHead
from scgarage.preprocess import MaxScaler
from scgarage.training import Batch, Losses, Phase, TrainResult

__all__ = ["REAL", "AdversarialModel", "AdversarialTraining", "Generator", "SeedCells"]

REAL = "scaled"
"""Column of the batches that holds real cells as the critic sees them."""


@dataclass(frozen=True)
class SeedCells:
    """What is kept about the seed cells besides their expression, which lies in the generator's input.

    Attributes
    ----------
    labels
        Type number of each seed, shape ``(n_seeds,)``.
    """

    labels: NDArray[np.int64]


class Generator(nn.Module):
    """Input, layers and head in one: ``n`` cells out for the number ``n`` in.

    Parameters
    ----------
    source
        Draws the input rows.
    layers
        Map input rows to logits, ``(n_cells, n_genes)``.
    head
        Maps logits to expression as the critic sees it.
    """

    def __init__(self, source: HybridInput, layers: nn.Module, head: SigmoidScaledHead) -> None:
        super().__init__()
        self.source, self.layers, self.head = source, layers, head

    def forward(self, n_cells: int, **how: Any) -> Tensor:
        """Return ``n_cells`` generated cells, ``(n_cells, n_genes)``; ``how`` is passed to the input."""
        cells: Tensor = self.head(self.layers(self.source(n_cells, **how)))
        return cells


class AdversarialTraining(GeneSpaceModel):
    """A generator and a critic that take turns, whatever they are.

    A subclass writes :meth:`objective` and ``skeleton``, :meth:`penalties` when its critic must be kept smooth, and
    :meth:`fake` and :meth:`scores` when its networks are told the types. The networks are called ``"generator"`` and
    ``"critic"``; ``build`` puts the columns of the batches into ``_columns``.
    """

    _columns: dict[str, Any]

    @abstractmethod
    def objective(self) -> Objective:
        """Return the pair of losses."""

    def penalties(self) -> tuple[Penalty, ...]:
        """Return what keeps the critic smooth; nothing by default."""
        return ()

    @abstractmethod
    def _validator(self, validation: ValidationData) -> Callable[[], float]:
        """Return a function for the distance to validation cells, with the same noise each time."""

    def optimizer(self, module: nn.Module, learning_rate: float) -> Optimizer:
        """Return the optimiser of a network."""
        if self.config.optimizer == "rmsprop":
            return RMSprop(module.parameters(), lr=learning_rate)
        return Adam(module.parameters(), lr=learning_rate, betas=self.config.adam_betas, fused=True)

    def phases(self) -> list[Phase]:
        """Critic steps, then generator steps."""
        config = self.config
        critic, generator = self.networks["critic"], self.networks["generator"]
        return [
            Phase(
                "critic",
                critic,
                self.optimizer(critic, config.critic_learning_rate),
                self._critic_losses,
                n_steps=config.n_critic_steps,
                clip_norm=config.clip_norm,
                after_step=self._after_critic_step if self.penalties() else None,
            ),
            Phase(
                "generator",
                generator,
                self.optimizer(generator, config.generator_learning_rate),
                self._generator_losses,
                n_steps=config.n_generator_steps,
                clip_norm=config.clip_norm,
            ),
        ]

    def fake(self, generator: nn.Module, batch: Batch) -> Tensor:
        """Return as many generated cells as the batch has real ones, as the critic sees them."""
        cells: Tensor = generator(len(batch[REAL]))
        return cells

    def scores(self, critic: nn.Module, cells: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002  (for conditional critics)
        """Return the critic's outputs for cells that belong to the batch, once or several times over."""
        outputs: Tensor = critic(cells)
        return outputs

    def _critic_losses(self, critic: nn.Module, batch: Batch) -> Losses:
        real = batch[REAL]
        with torch.no_grad():
            fake = self.fake(self.networks["generator"], batch)
        # One pass over both halves: half the calls, and DDP allows one forward per backward.
        both = self.scores(critic, torch.cat([real, fake]), batch)
        on_real, on_fake = both[: len(real)], both[len(real) :]
        loss = self.objective().critic_loss(on_real, on_fake)
        for penalty in self.penalties():
            loss = loss + penalty.loss(lambda cells: self.scores(critic, cells, batch), real, fake)
        return {"loss": loss, "real": on_real.mean(), "fake": on_fake.mean()}

    def _generator_losses(self, generator: nn.Module, batch: Batch) -> Losses:
        fake = self.fake(generator, batch)
        return {"loss": self.objective().generator_loss(self.scores(self.networks["critic"], fake, batch))}

    def _after_critic_step(self, losses: Losses) -> None:  # noqa: ARG002  (the loop's signature)
        for penalty in self.penalties():
            penalty.after_step(self.networks["critic"])

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> TrainResult | None:  # noqa: ARG002
        """Train on mini-batches of scaled training cells until the validation score stops improving."""
        validate = None if validation is None else self._validator(validation)
        result = self.train_networks(self._columns, self.networks["generator"], options, validate=validate)
        del self._columns  # the training cells are needed no longer
        return result


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
        super().build(data, options)
        scaler = MaxScaler.fit(data.log_expr)
        scaled = sparse.csr_matrix(scaler.transform(data.log_expr))
        self._columns = {REAL: scaled}
        rows = self.seed_cells(data, options)
        self.parts["seeds"] = SeedCells(data.labels[rows])
        self.sizes = {"n_genes": scaled.shape[1], "n_seeds": len(rows)}
        self.networks = self.skeleton()
        generator = self._generator()
        generator.head.maximum.copy_(torch.from_numpy(scaler.maximum))
        if len(rows):
            generator.source.seeds.copy_(torch.from_numpy(scaled[rows].toarray()))

    def _generator(self) -> Generator:
        generator = self.networks["generator"]
        if not isinstance(generator, Generator):
            msg = f"{type(self).__name__}.skeleton() must make a Generator"
            raise TypeError(msg)
        return generator

    def _validator(self, validation: ValidationData) -> Callable[[], float]:
        """Return a function for the distance to validation cells in class-balanced components, same noise each time."""
        components = self.parts["classifier"].components
        real = torch.from_numpy(components.transform(validation.log_expr))

        def score() -> float:
            generator = torch.Generator().manual_seed(self.config.random_state)
            fake = torch.from_numpy(components.transform(self.generate(len(real), generator)))
            return float(sliced_wasserstein(fake, real, generator=generator))

        return score

    @torch.no_grad()
    def generate(self, n_cells: int, generator: torch.Generator, *, label: int | None = None) -> NDArray[np.float32]:
        """Return log1p CP10k of the modelled genes, ``(n_cells, n_genes)``, in random order.

        With ``label`` the seed rows of the input are seeds of that type, which is all that an unconditional
        generator can be told.
        """
        network = self._generator()
        among = None if label is None else torch.from_numpy(np.flatnonzero(self.parts["seeds"].labels == label))
        scaled = network(n_cells, generator=generator, among=among)
        log_expr = network.head.log_expr(scaled).cpu().numpy()
        shuffled: NDArray[np.float32] = log_expr[torch.randperm(n_cells, generator=generator).numpy()]
        return shuffled
