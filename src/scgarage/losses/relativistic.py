"""The relativistic pairing objective of R3GAN."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus

from scgarage.errors import InputError
from scgarage.losses.objective import Objective

__all__ = ["Relativistic"]


@dataclass(frozen=True)
class Relativistic(Objective):
    r"""The critic judges whether a real cell looks more real than a generated one.

    .. math::

        L_D = E[\mathrm{softplus}(D(G(z)) - D(x))], \qquad L_G = E[\mathrm{softplus}(D(x) - D(G(z)))]

    over pairs of a real and a generated cell, row by row. R3GAN is this objective with the penalties
    :class:`~scgarage.losses.R1` and :class:`~scgarage.losses.R2`; both are needed for local convergence. The loss
    only sees differences, so a constant added to all scores changes nothing.

    Notes
    -----
    Because each generated cell is compared with a real one, the critic cannot satisfy the loss by one threshold
    between all real and all generated cells, which is what lets dropped types go unnoticed.

    References
    ----------
    Huang et al., The GAN is dead; long live the GAN!, NeurIPS 2024, arXiv:2501.05441.
    Jolicoeur-Martineau, ICLR 2019, arXiv:1807.00734. Sun, Fang & Schwing, ICML 2020, arXiv:2011.04926.
    """

    needs_real_scores: ClassVar[bool] = True

    @property
    def shift_invariant(self) -> bool:
        """Whether a constant in the critic's output changes nothing: the loss sees differences only."""
        return True

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from scores of as many real as generated cells, shape ``(n_cells, 1)`` each.

        Raises
        ------
        InputError
            When the two shapes differ.
        """
        return softplus(_difference(fake, real)).mean()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the generator's loss from the critic's scores of generated and of real cells.

        Raises
        ------
        InputError
            When the scores of real cells are not given, or the two shapes differ.
        """
        if real is None:
            msg = "the relativistic generator loss compares with real cells; pass their scores as the second argument"
            raise InputError(msg)
        return softplus(_difference(real, fake)).mean()


def _difference(one: Tensor, other: Tensor) -> Tensor:
    if one.shape != other.shape:
        msg = (
            "the relativistic loss pairs real and generated cells row by row; found scores of shapes "
            f"{tuple(one.shape)} and {tuple(other.shape)}; use batches of the same size"
        )
        raise InputError(msg)
    return one - other
