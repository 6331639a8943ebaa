"""The Wasserstein objective."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from scgarage.losses.objective import Objective

__all__ = ["Wasserstein"]


@dataclass(frozen=True)
class Wasserstein(Objective):
    r"""Difference of the critic's mean outputs.

    .. math:: L_D = E[D(G(z))] - E[D(x)], \qquad L_G = -E[D(G(z))]

    Over all 1-Lipschitz critics the smallest :math:`L_D` is minus the Wasserstein-1 distance of real and generated
    cells. The critic must be kept Lipschitz by one of :data:`~scgarage.losses.PENALTIES`: the gradient penalty,
    spectral normalisation or weight clipping. Without, the loss has no lower bound.

    References
    ----------
    Arjovsky, Chintala & Bottou, ICML 2017, arXiv:1701.07875.
    """

    needs_real_scores: ClassVar[bool] = False

    @property
    def needs_lipschitz(self) -> bool:
        """Whether the critic must be kept Lipschitz: else the loss has no lower bound."""
        return True

    @property
    def shift_invariant(self) -> bool:
        """Whether a constant in the critic's output changes nothing: it drops out of a difference of means."""
        return True

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from scores of real and generated cells, shape ``(n_cells, 1)`` each."""
        return fake.mean() - real.mean()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the critic's scores of generated cells."""
        return -fake.mean()
