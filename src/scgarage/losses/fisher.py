"""The Fisher objective: a difference of means in units of the critic's spread."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor
from torch.nn.functional import relu

from scgarage.errors import InputError
from scgarage.losses.objective import Objective

__all__ = ["Fisher"]


@dataclass(frozen=True)
class Fisher(Objective):
    r"""Maximise :math:`E[D(x)] - E[D(G(z))]` while :math:`\Omega = \tfrac12 E[D(x)^2] + \tfrac12 E[D(G(z))^2]` is 1.

    .. math::

        L_D = -\big(E[D(x)] - E[D(G(z))]\big) - \lambda (1 - \Omega) + \tfrac{\rho}{2} (\Omega - 1)^2, \qquad
        L_G = -E[D(G(z))]

    with the multiplier's step :math:`\lambda \leftarrow \lambda - \rho (1 - \Omega)` (``"lagrangian"``), or with the
    one-sided penalty of the baseline that GARAGE is compared with, :math:`\rho \max(\Omega - 1, 0)^2`
    (``"penalty"``, published with :math:`\rho = 10`). For the best critic under the constraint the difference of means
    is the Fisher distance

    .. math:: \Big(\int \frac{(p - q)^2}{(p + q) / 2}\Big)^{1/2} = \sqrt{2\,\mathrm{triangular}(p, q)} \in [0, 2].

    The value is never changed: :meth:`updated` returns the objective of the next step. Keep ``multiplier`` in a
    buffer of the critic, so that a checkpoint holds it.

    Attributes
    ----------
    constraint
        How the constraint is held.
    rho
        Weight :math:`\rho` of the constraint.
    multiplier
        State :math:`\lambda`, a number or a tensor without dimensions; unused with ``"penalty"``.

    References
    ----------
    Mroueh & Sercu, Fisher GAN, NeurIPS 2017, arXiv:1705.09675.
    """

    constraint: Literal["lagrangian", "penalty"] = "lagrangian"
    rho: float = 1e-6
    multiplier: float | Tensor = 0.0
    needs_real_scores: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.constraint not in ("lagrangian", "penalty"):
            msg = f"constraint must be 'lagrangian' or 'penalty'; found {self.constraint!r}"
            raise InputError(msg)

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from scores of real and generated cells, shape ``(n_cells, 1)`` each."""
        difference = real.mean() - fake.mean()
        excess = self.second_moment(real, fake) - 1
        if self.constraint == "penalty":
            return -difference + self.rho * relu(excess).square()
        return -difference + self.multiplier * excess + self.rho / 2 * excess.square()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the critic's scores of generated cells."""
        return -fake.mean()

    def second_moment(self, real: Tensor, fake: Tensor) -> Tensor:
        r"""Return :math:`\Omega` of the scores."""
        return (real.square().mean() + fake.square().mean()) / 2

    @property
    def moves(self) -> bool:
        """Whether the multiplier moves: not with the penalty."""
        return self.constraint == "lagrangian"

    def at(self, state: Tensor) -> Self:
        """Return the objective with the multiplier ``state``."""
        return replace(self, multiplier=state)

    def imbalance(self, real: Tensor, fake: Tensor) -> Tensor:
        r"""Return :math:`\Omega - 1`."""
        return self.second_moment(real, fake) - 1

    @torch.no_grad()
    def next_state(self, imbalance: Tensor) -> Tensor:
        """Return the multiplier of the next step."""
        return self.multiplier + self.rho * imbalance

    @torch.no_grad()
    def updated(self, second_moment: Tensor) -> Self:
        r"""Return the objective of the next step from :math:`\Omega` of this one."""
        return self.at(self.next_state(second_moment - 1))
