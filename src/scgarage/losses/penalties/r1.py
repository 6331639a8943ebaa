"""The R1 penalty: no gradient on real cells."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from scgarage.losses.penalties.penalty import Critic, Penalty, input_gradients

__all__ = ["R1"]


@dataclass(frozen=True)
class R1(Penalty):
    r"""Flatten the critic on real cells.

    .. math:: \tfrac{\gamma}{2} E\big[\|\nabla_x D(x)\|_2^2\big]

    Attributes
    ----------
    gamma
        Weight :math:`\gamma`; it depends on the scale of the cells, so it is worth tuning.

    References
    ----------
    Mescheder, Geiger & Nowozin, ICML 2018, arXiv:1801.04406.
    """

    gamma: float = 10.0
    needs_score: ClassVar[bool] = True

    def loss(
        self,
        critic: Critic,
        real: Tensor,
        fake: Tensor,  # noqa: ARG002  (one interface)
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return the penalty from real cells, ``(n_cells, n_genes)``."""
        return self.gamma / 2 * input_gradients(critic, real).flatten(1).square().sum(dim=1).mean()
