"""Negative binomial counts with additional zeros."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from scgarage.nn.drawing import logistic_noise
from scgarage.nn.negative_binomial import NegativeBinomial

__all__ = ["ZeroInflatedNegativeBinomial"]


@dataclass(frozen=True)
class ZeroInflatedNegativeBinomial:
    r"""With probability :math:`\pi` a technical zero, otherwise a negative binomial count.

    .. math::

        P(c) = \pi\, 1[c = 0] + (1 - \pi)\, \mathrm{NB}(c; \mu, \theta), \qquad \pi = \sigma(\text{zero logit}), \qquad
        E[c] = (1 - \pi) \mu

    Attributes
    ----------
    mean, dispersion
        :math:`\mu` and :math:`\theta` of :class:`NegativeBinomial`.
    zero_logits
        Logits of :math:`\pi`, shape ``(n_cells, n_genes)``.
    temperature
        Sharpness of the relaxed zeros in the gradient of :meth:`surrogate`.

    References
    ----------
    Lambert, Technometrics 1992, doi:10.2307/1269547. Lopez et al., Nature Methods 2018,
    doi:10.1038/s41592-018-0229-2.
    """

    mean: Tensor
    dispersion: Tensor
    zero_logits: Tensor
    temperature: float = 0.5

    @cached_property
    def counts(self) -> NegativeBinomial:
        """The distribution of the counts that are not technical zeros."""
        return NegativeBinomial(self.mean, self.dispersion)

    def log_prob(self, counts: Tensor) -> Tensor:
        """Return the log-likelihood of each count, shape ``(n_cells, n_genes)``."""
        kept = logsigmoid(-self.zero_logits) + self.counts.log_prob(counts)
        return torch.where(counts == 0, torch.logaddexp(logsigmoid(self.zero_logits), kept), kept)

    @torch.no_grad()
    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """Draw counts, shape ``(n_cells, n_genes)``, outside the gradient path; by default from torch's generator."""
        return self.counts.sample(generator) * (self._kept_logits(generator) > 0)

    def surrogate(self, generator: torch.Generator | None = None) -> Tensor:
        r"""Draw counts that carry a gradient, for a critic.

        Forward these are exact draws. Backward the counts are those of :meth:`NegativeBinomial.surrogate`, and the
        decision for a technical zero is :math:`\sigma((-\text{zero logit} + \text{logistic noise}) / \tau)`
        (straight-through binary concrete), whose gradient in the zero logit is biased but has the right sign.
        """
        logits = self._kept_logits(generator)
        soft = torch.sigmoid(logits / self.temperature)
        kept = (logits > 0).to(soft.dtype) + (soft - soft.detach())
        return self.counts.surrogate(generator) * kept

    def _kept_logits(self, generator: torch.Generator | None) -> Tensor:
        return logistic_noise(self.zero_logits, generator) - self.zero_logits
