"""The adversarial imputer: a boundary-equilibrium GAN that sees artificial drop-outs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn.functional import dropout
from torch.optim import Adam

from scgarage.errors import InputError
from scgarage.imputation.base import Cells, Conditions, Filled, Imputer, ImputerConfig, chunks
from scgarage.imputation.began_networks import (
    Autoencoder,
    Drop,
    NetworkKind,
    ProfileGenerator,
    make_network,
    partition_genes,
)
from scgarage.losses.objectives import BEGAN
from scgarage.training import Batch, Batches, Losses, Phase, TrainResult, TrainSettings, seeded, train

PROFILE, CONDITIONS = "log_expr", "conditions"


@dataclass
class Adversary:
    r"""Generator and critic with their losses.

    .. math::

        L_D = L(x) - k_t L(\mathrm{Drop}(G(x))), \qquad
        L_G = w_a L(\mathrm{Drop}(G(\tilde x))) + w_c \, \mathrm{mean}_{ij \in H}
        \big(E[\mathrm{Drop}(G(\tilde x))]_{ij} - x_{ij}\big)^2

    where :math:`\tilde x` is the profile with the entries H hidden (set to zero, the others scaled up as dropout does).
    The second term is not in the source document. Without it nothing asks G(x) to be about the cell x.
    """

    generator: ProfileGenerator  # the networks
    critic: Autoencoder
    drop: Drop  # the artificial drop-out
    config: Any  # a :class:scgarage.imputation.began.BeganConfig

    def objective(self) -> BEGAN:
        """Return the objective in its present balance."""
        return BEGAN(gamma=self.config.gamma, rate=self.config.balance_rate, k=self.critic.k)

    def phases(self) -> list[Phase]:
        """One critic step, one generator step."""
        c = self.config
        optimizers = [
            Adam(network.parameters(), lr=c.learning_rate, betas=c.adam_betas)
            for network in (self.critic, self.generator)
        ]
        generator = Phase("generator", self.generator, optimizers[1], self._generator_losses, clip_norm=c.clip_norm)
        if not c.adversarial_weight:  # nobody listens to the critic
            return [generator]
        critic = Phase(
            "critic", self.critic, optimizers[0], self._critic_losses, clip_norm=c.clip_norm, after_step=self._balance
        )
        return [critic, generator]

    def _generate(self, generator: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return generated expression and which entries were hidden."""
        profile = batch[PROFILE]
        kept = dropout(torch.ones_like(profile), self.config.hidden_share)
        expression: Tensor = generator(profile * kept, batch[CONDITIONS])
        return expression, kept == 0

    def _critic_losses(self, critic: nn.Module, batch: Batch) -> Losses:
        real, conditions = batch[PROFILE], batch[CONDITIONS]
        with torch.no_grad():
            fake = self.drop(self._generate(self.generator, batch)[0])
        # One pass over both halves: half the calls, and DDP allows one forward per backward.
        errors = critic(torch.cat([real, fake]), torch.cat([conditions, conditions]))
        on_real, on_fake = errors.split(len(real))
        objective = self.objective()
        return {
            "loss": objective.critic_loss(on_real, on_fake),
            "real": on_real.mean(),
            "fake": on_fake.mean(),
            "convergence": objective.convergence(on_real, on_fake),
            "k": self.critic.k.clone(),
        }

    def _balance(self, losses: Losses) -> None:
        updated = self.objective().updated(losses["real"], losses["fake"]).k
        self.critic.k.copy_(torch.as_tensor(updated))

    def _generator_losses(self, generator: nn.Module, batch: Batch) -> Losses:
        c = self.config
        expression, hidden = self._generate(generator, batch)
        content = self._content(expression, hidden, batch[PROFILE])
        losses = {"loss": c.content_weight * content, "content": content}
        if c.adversarial_weight:
            errors = self.critic(self.drop(expression), batch[CONDITIONS])
            losses["critic"] = self.objective().generator_loss(errors)
            losses["loss"] = losses["loss"] + c.adversarial_weight * losses["critic"]
        return losses

    def _content(self, expression: Tensor, hidden: Tensor, profile: Tensor) -> Tensor:
        """Return the mean squared error of expected values after drop-out, on hidden entries."""
        errors = (self.drop.expected(expression) - profile).square() * hidden
        return errors.sum() / hidden.sum().clamp(min=1)

    def train(
        self,
        log_expr: sparse.csr_matrix,
        conditions: NDArray[np.float32],
        validation: NDArray[np.bool_],
        settings: TrainSettings,
    ) -> TrainResult:
        r"""Train on the cells that are not in ``validation``, and stop by the score of those that are.

        The score is :math:`w_a M + w_c C` with the second term C of the generator's loss and the convergence measure
        :math:`M = L(x) + |\gamma L(x) - L(\mathrm{Drop}(G(x)))|`.
        """
        held = torch.from_numpy(log_expr[np.flatnonzero(validation)].toarray())
        batch = {PROFILE: held, CONDITIONS: torch.from_numpy(conditions[validation])}
        rows = np.flatnonzero(~validation)
        batches = Batches(
            {PROFILE: sparse.csr_matrix(log_expr[rows]), CONDITIONS: conditions[rows]},
            batch_size=self.config.batch_size,
            random_state=settings.random_state,
        )
        return train(self.phases(), batches, settings, validate=self._validator(batch) if len(held) else None)

    def _validator(self, batch: Batch) -> Callable[[], float]:
        def score() -> float:
            here = {name: tensor.to(self.generator.bias.device) for name, tensor in batch.items()}
            expression, hidden = self._generate(self.generator, here)
            content = self._content(expression, hidden, here[PROFILE])
            total = self.config.content_weight * content
            if self.config.adversarial_weight:
                on_real = self.critic(here[PROFILE], here[CONDITIONS])
                on_fake = self.critic(self.drop(expression), here[CONDITIONS])
                total = total + self.config.adversarial_weight * self.objective().convergence(on_real, on_fake)
            return float(total)

        return score

    @torch.no_grad()
    def expression(self, profiles: Tensor, conditions: Tensor) -> Tensor:
        """Return expression before drop-out, log1p CP10k, ``(n_cells, n_genes)``."""
        out: Tensor = self.generator(profiles, conditions)
        return out


Output: TypeAlias = Literal["expression", "expected"]


@dataclass(frozen=True)
class BeganConfig(ImputerConfig):
    """Settings of :class:`Began`.

    Attributes
    ----------
    n_repeats
        Trainings from other starting weights (and partitions); imputed values are their mean, ``imputed_sd`` their
        standard deviation.
    subset_size
        Genes of one training, drawn at random in each repeat as in the source document; ``None`` trains on all genes
        together.
    network
        ``"mlp"``, or ``"conv"`` for genes as the pixels of an image, as published.
    hidden
        Widths of the hidden layers of the fully connected networks.
    gamma, balance_rate
        Balance of the critic (scIGANs: 0.95 and 0.001).
    adversarial_weight, content_weight
        Weights of the critic's score and of the squared error on hidden entries in the generator's loss. The source
        document has 1 and 0; a tenth of the critic was as good as none of it and better than all of it (pbmc4k).
    hidden_share
        Share of the entries of a profile that the generator does not see in training.
    output
        What is imputed: ``"expression"``, the generator's output before drop-out, as in the source document; or
        ``"expected"``, its expected value after drop-out, which is what another measurement would show on average.
    drop_percentile, drop_steepness
        Parameters q and s of the drop-out; estimated from the data unless both are given.
    learning_rate, adam_betas
        Adam (scIGANs: 2e-4, 0.5 and 0.999; ours recovered hidden entries better on pbmc4k).
    clip_norm
        Largest gradient norm.
    batch_size, n_iterations, validate_every, patience
        Length of a training: it stops after ``patience`` validations without a better score.
    validation_share
        Share of the cells that decide when to stop.
    accelerator
        Passed to Lightning Fabric.
    """

    n_repeats: int = 3
    subset_size: int | None = None
    network: NetworkKind = "mlp"
    hidden: tuple[int, ...] = (256, 32, 256)
    gamma: float = 0.95
    balance_rate: float = 0.001
    adversarial_weight: float = 0.1
    content_weight: float = 1.0
    hidden_share: float = 0.2
    output: Output = "expected"
    drop_percentile: float | None = None
    drop_steepness: float | None = None
    learning_rate: float = 1e-3
    adam_betas: tuple[float, float] = (0.9, 0.999)
    clip_norm: float | None = 1.0
    batch_size: int = 128
    n_iterations: int = 300
    validate_every: int = 50
    patience: int = 4
    validation_share: float = 0.1
    accelerator: str = "cpu"

    def __post_init__(self) -> None:
        checks = {
            "n_repeats": self.n_repeats >= 1,
            "hidden_share": 0 < self.hidden_share < 1,
            "validation_share": 0 <= self.validation_share < 1,
            "adversarial_weight": self.adversarial_weight >= 0,
            "content_weight": self.content_weight >= 0 and self.content_weight + self.adversarial_weight > 0,
            "output": self.output in ("expression", "expected"),
            "network": self.network in ("mlp", "conv"),
            "drop_steepness": (self.drop_percentile is None) == (self.drop_steepness is None),
        }
        for name, fine in checks.items():
            if not fine:
                msg = f"{name}={getattr(self, name)!r} is out of range, or does not go with the other settings"
                raise InputError(msg)


class Began(Imputer):
    r"""BEGAN whose generator is fed real profiles with cell type and technology.

    Two networks are trained against each other. The critic is an autoencoder with the score
    :math:`L(v) = \mathrm{mean}|v - D(v)|`; the generator makes expression before drop-out out of a real profile, and
    the critic sees it only after artificial drop-outs (:class:`Drop`). What is imputed is
    the mean over repeats of the generator's output, or of its expected value after drop-out. docs/imputation.md says
    what was corrected.

    Cell types that are not given are Leiden clusters. Types that *are* given shape the result: never compare cells of
    different types by imputed values.

    References
    ----------
    Xu et al., scIGANs, Nucleic Acids Research 2020, doi:10.1093/nar/gkaa506.
    Berthelot, Schumm and Metz, BEGAN, 2017, arXiv:1703.10717.
    """

    name: ClassVar[str] = "began"
    Config: ClassVar[type[Any]] = BeganConfig
    uses_labels: ClassVar[bool] = True

    def learn(self, cells: Cells) -> dict[str, Any]:
        """Train ``n_repeats`` times on all subsets of genes."""
        c = self.config
        self._conditions = Conditions.fit(cells, random_state=c.random_state)
        self._drop = _drop(cells, c.drop_percentile, c.drop_steepness)
        conditions = self._conditions.encode(cells)
        n_cells, n_genes = cells.log_expr.shape
        self._repeats: list[list[tuple[NDArray[np.int64], Adversary]]] = []
        histories = []
        for repeat in range(c.n_repeats):
            rng = np.random.default_rng([c.random_state, repeat])
            validation = np.zeros(n_cells, dtype=bool)
            validation[rng.permutation(n_cells)[: round(c.validation_share * n_cells)]] = True
            pairs = []
            for number, genes in enumerate(partition_genes(n_genes, c.subset_size, rng)):
                part = cells.on_genes(genes)
                seed = int(rng.integers(2**31))
                pair = self._pair(part, conditions.shape[1], seed)
                result = pair.train(part.log_expr, conditions, validation, self._settings(seed))
                pairs.append((genes, pair))
                histories.append(result.history.assign(repeat=repeat, subset=number))
            self._repeats.append(pairs)
        self.history = pd.concat(histories, ignore_index=True)
        return {
            "drop": {
                "midpoint": self._drop.midpoint,
                "steepness": self._drop.steepness,
                "percentile": self._drop.percentile_in(cells.log_expr),
            },
            "types": list(self._conditions.types),
            "n_iterations_run": int(self.history.groupby(["repeat", "subset"])["step"].max().sum()),
        }

    def _settings(self, seed: int) -> TrainSettings:
        c = self.config
        return TrainSettings(
            n_iterations=c.n_iterations,
            validate_every=c.validate_every,
            patience=c.patience,
            random_state=seed,
            accelerator=c.accelerator,
            progress=False,
            description=self.name,
        )

    def _pair(self, cells: Cells, n_conditions: int, seed: int) -> Adversary:
        """Return untrained networks; the generator starts from the mean of each gene."""
        c, n_genes = self.config, cells.log_expr.shape[1]
        mean = np.asarray(cells.log_expr.mean(axis=0), dtype=np.float32).ravel()
        with seeded(seed):
            networks = [make_network(c.network, n_genes, n_conditions, c.hidden) for _ in range(2)]
        generator = ProfileGenerator(networks[0], torch.from_numpy(mean))
        return Adversary(generator, Autoencoder(networks[1]), self._drop, c)

    def fill(self, cells: Cells) -> Filled:
        """Return mean and standard deviation of the generators' outputs over repeats."""
        shape = cells.log_expr.shape
        mean, sd = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
        conditions = self._conditions.encode(cells)
        for rows in chunks(shape[0]):
            profiles = torch.from_numpy(cells.log_expr[rows].toarray())
            made = torch.stack([self._expression(pairs, profiles, conditions[rows]) for pairs in self._repeats])
            mean[rows] = made.mean(dim=0).numpy()
            sd[rows] = made.std(dim=0, correction=0).numpy()
        return Filled(mean, sd)

    def _expression(
        self, pairs: list[tuple[NDArray[np.int64], Adversary]], profiles: torch.Tensor, conditions: NDArray[np.float32]
    ) -> torch.Tensor:
        """Put the subsets of one repeat together."""
        made = torch.empty_like(profiles)
        for genes, pair in pairs:
            made[:, genes] = pair.expression(profiles[:, genes], torch.from_numpy(conditions))
        return self._drop.expected(made) if self.config.output == "expected" else made


def _drop(cells: Cells, percentile: float | None, steepness: float | None) -> Drop:
    if percentile is None or steepness is None:
        return Drop.estimate(cells.log_expr)
    return Drop.at_percentile(cells.log_expr, percentile, steepness)
