"""The f-GAN objective: the variational bound of any f-divergence."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from scgarage.errors import InputError
from scgarage.losses.f_divergences import F_DIVERGENCES
from scgarage.losses.objective import Objective

__all__ = ["FGAN"]


@dataclass(frozen=True)
class FGAN(Objective):
    r"""The critic raises a lower bound of a divergence, the generator lowers the divergence.

    .. math::

        L_D = -E[g_f(D(x))] + E[f^*(g_f(D(G(z))))], \qquad
        L_G = \begin{cases} -E[f^*(g_f(D(G(z))))] & \text{saturating} \\ -E[g_f(D(G(z)))] & \text{otherwise} \end{cases}

    with :math:`g_f` and :math:`f^*` from :data:`~scgarage.losses.F_DIVERGENCES`; ``D`` has a linear output.

    Attributes
    ----------
    divergence
        Name of the divergence :math:`D_f(\text{real} \| \text{generated})`.
    saturating
        Whether the generator minimises the bound itself, which vanishes for rejected cells with most divergences; by
        default it maximises the critic's output (section 3.2 of the paper).

    References
    ----------
    Nowozin, Cseke & Tomioka, f-GAN, NeurIPS 2016, arXiv:1606.00709.
    """

    divergence: str = "jensen-shannon"
    saturating: bool = False
    needs_real_scores: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.divergence not in F_DIVERGENCES:
            msg = f"divergence must be one of {', '.join(map(repr, F_DIVERGENCES))}; found {self.divergence!r}"
            raise InputError(msg)

    def bound(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the lower bound of the divergence that the critic's outputs prove, up to sampling error."""
        divergence = F_DIVERGENCES[self.divergence]
        return divergence.activation(real).mean() - divergence.conjugate_of_activation(fake).mean()

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from outputs for real and generated cells, shape ``(n_cells, 1)`` each."""
        return -self.bound(real, fake)

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the critic's outputs for generated cells."""
        divergence = F_DIVERGENCES[self.divergence]
        if self.saturating:
            return -divergence.conjugate_of_activation(fake).mean()
        return -divergence.activation(fake).mean()
