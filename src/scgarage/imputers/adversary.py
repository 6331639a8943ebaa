"""The training of one pair of BEGAN networks on one set of genes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn.functional import dropout
from torch.optim import Adam

from scgarage.imputers.dropout import Drop
from scgarage.imputers.networks import Autoencoder, ProfileGenerator
from scgarage.losses.began import BEGAN
from scgarage.training import Batch, Batches, Losses, Phase, TrainResult, TrainSettings, train

__all__ = ["Adversary"]

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

    Attributes
    ----------
    generator, critic
        The networks.
    drop
        The artificial drop-out.
    config
        A :class:`scgarage.imputers.began.BeganConfig`.
    """

    generator: ProfileGenerator
    critic: Autoencoder
    drop: Drop
    config: Any

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
            "critic",
            self.critic,
            optimizers[0],
            self._critic_losses,
            clip_norm=c.clip_norm,
            after_step=self._balance,
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
