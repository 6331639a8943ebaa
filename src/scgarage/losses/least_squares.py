"""The least-squares objective."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from scgarage.losses.objective import Objective

__all__ = ["LeastSquares"]


@dataclass(frozen=True)
class LeastSquares(Objective):
    r"""Squared distance of the critic's outputs to targets.

    .. math::

        L_D = \tfrac12 E[(D(x) - r)^2] + \tfrac12 E[(D(G(z)) - f)^2], \qquad L_G = \tfrac12 E[(D(G(z)) - g)^2]

    The targets (1, 0, 1) are the usual choice; with (1, -1, 0) the generator of a perfect critic minimises the
    Pearson :math:`\chi^2` divergence between :math:`p + q` and :math:`2q`.

    Attributes
    ----------
    real_target, fake_target
        Targets :math:`r` and :math:`f` of the critic.
    generator_target
        Target :math:`g` of the generator.

    References
    ----------
    Mao et al., ICCV 2017, arXiv:1611.04076.
    """

    real_target: float = 1.0
    fake_target: float = 0.0
    generator_target: float = 1.0
    needs_real_scores: ClassVar[bool] = False

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from scores of real and generated cells, shape ``(n_cells, 1)`` each."""
        return ((real - self.real_target).square().mean() + (fake - self.fake_target).square().mean()) / 2

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the critic's scores of generated cells."""
        return (fake - self.generator_target).square().mean() / 2
