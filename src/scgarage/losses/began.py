"""The boundary-equilibrium objective: the critic is an autoencoder."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from scgarage.errors import InputError
from scgarage.losses.objective import CriticOutput, Objective

__all__ = ["BEGAN", "reconstruction_error"]


def reconstruction_error(cells: Tensor, reconstructed: Tensor) -> Tensor:
    r"""Return :math:`L(v) = \mathrm{mean}_j |v_j - D(v)_j|`, the score of a cell in BEGAN, shape ``(n_cells, 1)``.

    Parameters
    ----------
    cells, reconstructed
        Input and output of the autoencoder, shape ``(n_cells, n_genes)`` each.
    """
    return (cells - reconstructed).abs().mean(dim=1, keepdim=True)


@dataclass(frozen=True)
class BEGAN(Objective):
    r"""Reconstruction errors of real and generated cells in a kept balance.

    .. math::

        L_D = L(x) - k_t L(G(z)), \qquad L_G = L(G(z)), \qquad
        k_{t+1} = \mathrm{clip}\big(k_t + \lambda_k (\gamma L(x) - L(G(z))), 0, 1\big)

    where :math:`L` is :func:`reconstruction_error`. The value is never changed: :meth:`updated` returns the objective
    of the next step. Keep ``k`` in a buffer of the critic, so that a checkpoint holds it.

    Attributes
    ----------
    gamma
        Wanted ratio :math:`E[L(G(z))] / E[L(x)]`, in [0, 1]; lower gives cells that are better but less diverse.
    rate
        Learning rate :math:`\lambda_k`.
    k
        State :math:`k_t` in [0, 1], a number or a tensor without dimensions.

    References
    ----------
    Berthelot, Schumm & Metz 2017, arXiv:1703.10717. In scIGANs (Xu et al., Nucleic Acids Research 2020,
    doi:10.1093/nar/gkaa506): gamma 0.95, rate 0.001.

    Examples
    --------
    >>> objective = BEGAN(gamma=0.5, rate=0.1)
    >>> objective.updated(torch.tensor(2.0), torch.tensor(0.4)).k  # k = 0 + 0.1 * (0.5 * 2 - 0.4)
    tensor(0.0600)
    """

    gamma: float = 0.5
    rate: float = 1e-3
    k: float | Tensor = 0.0
    needs_real_scores: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 0 <= self.gamma <= 1:
            msg = f"gamma is a ratio of errors and must lie in [0, 1]; found {self.gamma}"
            raise InputError(msg)

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from reconstruction errors of real and generated cells, ``(n_cells, 1)`` each."""
        return real.mean() - self.k * fake.mean()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the reconstruction errors of generated cells."""
        return fake.mean()

    @property
    def critic_output(self) -> CriticOutput:
        """What the critic returns: how badly an autoencoder reconstructs the cell."""
        return "reconstruction error"

    @property
    def moves(self) -> bool:
        """Whether the balance :math:`k` moves: always."""
        return True

    def at(self, state: Tensor) -> Self:
        """Return the objective with the balance ``state``."""
        return replace(self, k=state)

    def imbalance(self, real: Tensor, fake: Tensor) -> Tensor:
        r"""Return :math:`\gamma L(x) - L(G(z))`."""
        return self.gamma * real.mean() - fake.mean()

    @torch.no_grad()
    def next_state(self, imbalance: Tensor) -> Tensor:
        """Return the balance of the next step, in [0, 1]."""
        return (self.k + self.rate * imbalance).clamp(0, 1)

    @torch.no_grad()
    def updated(self, real: Tensor, fake: Tensor) -> Self:
        """Return the objective of the next step from errors of real and generated cells, or from their means."""
        return self.at(self.next_state(self.imbalance(real, fake)))

    @torch.no_grad()
    def convergence(self, real: Tensor, fake: Tensor) -> Tensor:
        r"""Return the measure :math:`M = L(x) + |\gamma L(x) - L(G(z))|`; lower is better, with any critic."""
        return real.mean() + (self.gamma * real.mean() - fake.mean()).abs()
