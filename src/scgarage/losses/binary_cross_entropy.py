"""The original adversarial objective with label smoothing, non-saturating for the generator."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from scgarage.losses.objective import Objective

__all__ = ["BinaryCrossEntropy"]


@dataclass(frozen=True)
class BinaryCrossEntropy(Objective):
    r"""Cross-entropy between the critic's logits and smoothed labels.

    .. math::

        L_D = H(r, \sigma(D(x))) + H(f, \sigma(D(G(z)))), \qquad L_G = H(g, \sigma(D(G(z))))

    with :math:`H(t, p) = -t \log p - (1 - t) \log(1 - p)`; for :math:`r = g = 1, f = 0` these are the losses of
    Goodfellow et al., the generator's in the non-saturating form :math:`-\log \sigma(D(G(z)))`.

    Attributes
    ----------
    real_label, fake_label
        Targets :math:`r` and :math:`f` of the critic.
    generator_label
        Target :math:`g` of the generator.

    References
    ----------
    Goodfellow et al., NeurIPS 2014, arXiv:1406.2661. Smoothing: Salimans et al., NeurIPS 2016, arXiv:1606.03498.

    Notes
    -----
    With smoothed labels the best critic is :math:`D^*(x) = (r\,p(x) + f\,q(x)) / (p(x) + q(x))` for densities :math:`p`
    of real and :math:`q` of generated cells. With :math:`f > 0` generated cells far from real ones keep
    :math:`D^* = f` and a gradient from them; smoothing of the real side only (:math:`f = 0`) avoids rewarding them.
    """

    real_label: float = 1.0
    fake_label: float = 0.0
    generator_label: float = 1.0
    needs_real_scores: ClassVar[bool] = False

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from logits of real and generated cells, shape ``(n_cells, 1)`` each."""
        return _against(real, self.real_label) + _against(fake, self.fake_label)

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the critic's logits of generated cells."""
        return _against(fake, self.generator_label)


def _against(logits: Tensor, label: float) -> Tensor:
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
