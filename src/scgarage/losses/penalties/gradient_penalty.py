"""The gradient penalty of WGAN-GP."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import relu

from scgarage.losses.penalties.penalty import Critic, Penalty, check_pairs, input_gradients

__all__ = ["GradientPenalty"]


@dataclass(frozen=True)
class GradientPenalty(Penalty):
    r"""Hold the critic's gradient at norm one between real and generated cells.

    .. math::

        w\, E\big[(\|\nabla_{\hat x} D(\hat x)\|_2 - c)^2\big], \qquad \hat x = \epsilon x + (1 - \epsilon) G(z),
        \quad \epsilon \sim U(0, 1)

    Attributes
    ----------
    weight
        Weight :math:`w`.
    norm
        Wanted norm :math:`c`.
    one_sided
        Whether only norms above :math:`c` cost anything.

    References
    ----------
    Gulrajani et al., NeurIPS 2017, arXiv:1704.00028. One-sided: Petzka, Fischer & Lukovnicov, ICLR 2018,
    arXiv:1709.08894.
    """

    weight: float = 10.0
    norm: float = 1.0
    one_sided: bool = False
    lipschitz: ClassVar[bool] = True
    needs_score: ClassVar[bool] = True

    def loss(self, critic: Critic, real: Tensor, fake: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the penalty from as many real as generated cells, ``(n_cells, n_genes)`` each.

        Raises
        ------
        InputError
            When the two shapes differ.
        """
        check_pairs(real, fake)
        device = real.device if generator is None else "cpu"
        share = torch.rand((len(real), *[1] * (real.dim() - 1)), generator=generator, device=device, dtype=real.dtype)
        between = fake + share.to(real.device) * (real - fake)
        excess = input_gradients(critic, between).flatten(1).norm(dim=1) - self.norm
        return self.weight * (relu(excess) if self.one_sided else excess).square().mean()
