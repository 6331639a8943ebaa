"""Weight clipping, the first way to keep a Wasserstein critic Lipschitz."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from scgarage.errors import InputError
from scgarage.losses.penalties.penalty import Penalty

__all__ = ["WeightClipping"]


@dataclass(frozen=True)
class WeightClipping(Penalty):
    r"""Clip every parameter of the critic to :math:`[-c, c]` after each step.

    The critic is then Lipschitz with *some* constant that depends on its size, and its capacity suffers; use the
    gradient penalty or spectral normalisation unless a published setting is to be repeated.

    Attributes
    ----------
    limit
        Bound :math:`c`.

    References
    ----------
    Arjovsky, Chintala & Bottou, ICML 2017, arXiv:1701.07875.
    """

    limit: float = 0.01
    lipschitz: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.limit > 0:
            msg = f"limit must be positive; found {self.limit}"
            raise InputError(msg)

    @torch.no_grad()
    def after_step(self, critic: nn.Module) -> None:
        """Clip the parameters in place."""
        for parameter in critic.parameters():
            parameter.clamp_(-self.limit, self.limit)
