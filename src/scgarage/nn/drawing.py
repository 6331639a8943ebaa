"""Draws from a given generator that keep the gradient and the device."""

import torch
from torch import Tensor

__all__ = ["gumbel_noise", "logistic_noise", "poisson_draw", "standard_gamma"]


def standard_gamma(concentration: Tensor, generator: torch.Generator | None) -> Tensor:
    r"""Draw from :math:`\mathrm{Gamma}(\theta, 1)`, differentiable in :math:`\theta` (implicit reparametrisation).

    Parameters
    ----------
    concentration
        Shape parameter :math:`\theta` > 0, any shape.
    generator
        CPU generator; torch's global generator by default.

    References
    ----------
    Figurnov, Mohamed & Mnih, NeurIPS 2018, arXiv:1805.08498.
    """
    # The public torch.distributions.Gamma.rsample calls this too, but cannot pass a generator on.
    place = concentration if generator is None else concentration.cpu()
    drawn = torch._standard_gamma(place, generator=generator)
    return drawn.to(concentration.device).clamp(min=torch.finfo(drawn.dtype).tiny)


@torch.no_grad()
def poisson_draw(rate: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw whole numbers of the given means, without gradient; ``generator`` as above."""
    place = rate if generator is None else rate.cpu()
    return torch.poisson(place, generator=generator).to(rate.device)


def gumbel_noise(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw Gumbel(0, 1) noise of the shape, type and device of ``like``; ``generator`` as above."""
    device = like.device if generator is None else "cpu"
    waiting = torch.empty(like.shape, dtype=like.dtype, device=device).exponential_(generator=generator)
    return -waiting.clamp(min=torch.finfo(like.dtype).tiny).log().to(like.device)


def logistic_noise(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw logistic noise, the difference of two Gumbel draws; ``generator`` as above."""
    return gumbel_noise(like, generator) - gumbel_noise(like, generator)
