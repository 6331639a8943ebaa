"""The original minimax objective, saturating for the generator."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus

from scgarage.losses.objective import Objective

__all__ = ["Minimax"]


@dataclass(frozen=True)
class Minimax(Objective):
    r"""Both players share one value function.

    .. math::

        L_D = -E[\log \sigma(D(x))] - E[\log(1 - \sigma(D(G(z))))], \qquad L_G = E[\log(1 - \sigma(D(G(z))))]

    The gradient of :math:`L_G` in the logit is :math:`-\sigma(D(G(z)))`: it vanishes when the critic rejects a cell,
    which is why :class:`BinaryCrossEntropy` is used in practice. For the best critic
    :math:`-L_D = 2\,\mathrm{JS}(p \| q) - \log 4`.

    References
    ----------
    Goodfellow et al., NeurIPS 2014, arXiv:1406.2661.
    """

    needs_real_scores: ClassVar[bool] = False

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from logits of real and generated cells, shape ``(n_cells, 1)`` each."""
        return softplus(-real).mean() + softplus(fake).mean()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the critic's logits of generated cells."""
        return -softplus(fake).mean()
