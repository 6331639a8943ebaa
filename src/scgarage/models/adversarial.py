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

from scgarage.losses import Objective, sliced_wasserstein
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.gene_space import UnconditionalModel
from scgarage.models.options import FitOptions
from scgarage.nn import HybridInput, SigmoidScaledHead
from scgarage.preprocess import MaxScaler
from scgarage.training import Batch, Batches, Losses, Phase, TrainResult, train

__all__ = ["AdversarialModel", "Generator", "SeedCells"]

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


class AdversarialModel(UnconditionalModel):
    """A generator against a critic in gene space.

    A subclass writes :meth:`objective` and :meth:`skeleton`, and :meth:`seed_cells` when its generator is fed real
    cells. The networks are called ``"generator"`` and ``"critic"``.
    """

    parts_types: ClassVar[Mapping[str, type[Any]]] = {**UnconditionalModel.parts_types, "seeds": SeedCells}

    @abstractmethod
    def objective(self) -> Objective:
        """Return the pair of losses."""

    def seed_cells(self, data: TrainingData, options: FitOptions) -> NDArray[np.int64]:  # noqa: ARG002  (subclasses use them)
        """Return the row numbers of the training cells that the generator is fed; none by default."""
        return np.empty(0, dtype=np.int64)

    def build(self, data: TrainingData, options: FitOptions) -> None:
        """Fit the fitted parts, pick the seeds and make the networks."""
        super().build(data, options)
        scaler = MaxScaler.fit(data.log_expr)
        self._scaled = sparse.csr_matrix(scaler.transform(data.log_expr))
        rows = self.seed_cells(data, options)
        self.parts["seeds"] = SeedCells(data.labels[rows])
        self.sizes = {"n_genes": self._scaled.shape[1], "n_seeds": len(rows)}
        self.networks = self.skeleton()
        generator = self._generator()
        generator.head.maximum.copy_(torch.from_numpy(scaler.maximum))
        generator.source.seeds.copy_(torch.from_numpy(self._scaled[rows].toarray()))

    def _generator(self) -> Generator:
        generator = self.networks["generator"]
        if not isinstance(generator, Generator):
            msg = f"{type(self).__name__}.skeleton() must make a Generator"
            raise TypeError(msg)
        return generator

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

    def _critic_losses(self, critic: nn.Module, batch: Batch) -> Losses:
        real = batch[REAL]
        with torch.no_grad():
            fake = self.networks["generator"](len(real))
        # One pass over both halves: half the calls, and DDP allows one forward per backward.
        on_real, on_fake = critic(torch.cat([real, fake])).split([len(real), len(fake)])
        return {
            "loss": self.objective().critic_loss(on_real, on_fake),
            "real": on_real.mean(),
            "fake": on_fake.mean(),
        }

    def _generator_losses(self, generator: nn.Module, batch: Batch) -> Losses:
        fake = generator(len(batch[REAL]))
        return {"loss": self.objective().generator_loss(self.networks["critic"](fake))}

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> TrainResult:  # noqa: ARG002
        """Train on mini-batches of scaled training cells until the validation score stops improving."""
        config = self.config
        settings = self.train_settings(
            options,
            n_iterations=config.n_iterations,
            validate_every=config.validate_every,
            patience=config.patience,
            ema_decay=config.ema_decay,
        )
        result = train(
            self.phases(),
            Batches({REAL: self._scaled}, batch_size=config.batch_size, random_state=config.random_state),
            settings,
            validate=None if validation is None else self._validator(validation.log_expr),
            averaged=self.networks["generator"],
            checkpoint=options.checkpoint,
            resume=options.resume,
        )
        del self._scaled  # the training cells are needed no longer
        return result

    def _validator(self, validation: sparse.csr_matrix) -> Callable[[], float]:
        """Return a function for the distance to validation cells in class-balanced components, same noise each time."""
        components = self.parts["classifier"].components
        real = torch.from_numpy(components.transform(validation))

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
