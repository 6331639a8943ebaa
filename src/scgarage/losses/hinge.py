"""The hinge objective."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import relu

from scgarage.losses.objective import Objective

__all__ = ["Hinge"]


@dataclass(frozen=True)
class Hinge(Objective):
    r"""The critic stops pushing cells that lie beyond the margin.

    .. math:: L_D = E[\max(0, 1 - D(x))] + E[\max(0, 1 + D(G(z)))], \qquad L_G = -E[D(G(z))]

    For the best critic :math:`L_D = 2 - 2\,\mathrm{TV}(p, q)`, with the total variation distance in [0, 1].

    References
    ----------
    Lim & Ye 2017, arXiv:1705.02894. Miyato et al., ICLR 2018, arXiv:1802.05957.
    """

    needs_real_scores: ClassVar[bool] = False

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from scores of real and generated cells, shape ``(n_cells, 1)`` each."""
        return relu(1 - real).mean() + relu(1 + fake).mean()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the critic's scores of generated cells."""
        return -fake.mean()
