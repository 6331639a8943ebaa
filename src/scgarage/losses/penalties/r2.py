"""The R2 penalty: no gradient on generated cells."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from scgarage.losses.penalties.penalty import Critic, Penalty, input_gradients

__all__ = ["R2"]


@dataclass(frozen=True)
class R2(Penalty):
    r"""Flatten the critic on generated cells.

    .. math:: \tfrac{\gamma}{2} E\big[\|\nabla_{x} D(x)\|_2^2\big], \qquad x = G(z)

    R3GAN uses it together with :class:`R1`. The generated cells count as constants: the penalty trains the critic only.

    Attributes
    ----------
    gamma
        Weight :math:`\gamma`; it depends on the scale of the cells, so it is worth tuning.

    References
    ----------
    Mescheder, Geiger & Nowozin, ICML 2018, arXiv:1801.04406. Huang et al., NeurIPS 2024, arXiv:2501.05441.
    """

    gamma: float = 10.0
    needs_score: ClassVar[bool] = True

    def loss(
        self,
        critic: Critic,
        real: Tensor,  # noqa: ARG002  (one interface)
        fake: Tensor,
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return the penalty from generated cells, ``(n_cells, n_genes)``."""
        return self.gamma / 2 * input_gradients(critic, fake).flatten(1).square().sum(dim=1).mean()
