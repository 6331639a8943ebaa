"""Consistency regularisation: cells that differ by technical noise get the same score."""

from dataclasses import dataclass

import torch
from torch import Tensor

from scgarage.errors import InputError
from scgarage.losses.penalties.penalty import Critic, Penalty

__all__ = ["Consistency"]


@dataclass(frozen=True)
class Consistency(Penalty):
    r"""Punish the critic for changing its mind when genes are dropped.

    .. math:: w\, E\big[(D(x) - D(T(x)))^2\big] + w_{fake}\, E\big[(D(G(z)) - D(T(G(z))))^2\big]

    where :math:`T` sets a random share of a cell's values to zero, as dropout in sequencing does. With
    :math:`w_{fake} > 0` the regularisation is balanced.

    Attributes
    ----------
    weight, fake_weight
        Weights :math:`w` and :math:`w_{fake}`.
    dropped
        Share of values set to zero, in [0, 1).

    References
    ----------
    Zhang et al., ICLR 2020, arXiv:1910.12027. Balanced: Zhao et al., AAAI 2021, arXiv:2002.04724.
    """

    weight: float = 10.0
    fake_weight: float = 0.0
    dropped: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.dropped < 1:
            msg = f"dropped is a share of values and must lie in [0, 1); found {self.dropped}"
            raise InputError(msg)

    def loss(self, critic: Critic, real: Tensor, fake: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the penalty from real and generated cells, ``(n_cells, n_genes)`` each."""
        total = self.weight * self._change(critic, real, generator)
        if self.fake_weight:
            total = total + self.fake_weight * self._change(critic, fake, generator)
        return total

    def _change(self, critic: Critic, cells: Tensor, generator: torch.Generator | None) -> Tensor:
        device = cells.device if generator is None else "cpu"
        kept = torch.rand(cells.shape, generator=generator, device=device).to(cells.device) >= self.dropped
        return (critic(cells) - critic(cells * kept)).square().mean()
