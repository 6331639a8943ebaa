"""Count distributions and draws that depend on a generator only."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def standard_gamma(concentration: Tensor, generator: torch.Generator | None) -> Tensor:
    r"""Draw from :math:`\mathrm{Gamma}(\theta, 1)`, differentiable in :math:`\theta` (implicit reparametrisation).

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


@dataclass(frozen=True)
class NegativeBinomial:
    r"""Counts of a Poisson distribution whose rate differs between cells.

    .. math::

        \Lambda \sim \mathrm{Gamma}(\theta, \mu / \theta), \quad c \sim \mathrm{Poisson}(\Lambda)

    .. math::

        P(c) = \frac{\Gamma(c + \theta)}{\Gamma(\theta)\, c!} \Big(\frac{\theta}{\theta + \mu}\Big)^{\theta}
        \Big(\frac{\mu}{\theta + \mu}\Big)^{c}, \qquad E[c] = \mu, \quad \mathrm{Var}[c] = \mu + \mu^2 / \theta

    Attributes
    ----------
    mean
        :math:`\mu` > 0, counts, shape ``(n_cells, n_genes)``.
    dispersion
        Inverse dispersion :math:`\theta` > 0, of a shape that broadcasts to that of the mean; the Poisson
        distribution is the limit of large values.

    Notes
    -----
    In float32 the logarithms of gamma functions lose digits for :math:`\theta` above about :math:`10^4`; use float64
    there.

    References
    ----------
    Hilbe, Negative Binomial Regression, 2011, doi:10.1017/CBO9780511973420 (the form "NB2").
    """

    mean: Tensor
    dispersion: Tensor

    @property
    def variance(self) -> Tensor:
        r"""Return :math:`\mu + \mu^2 / \theta`, shape ``(n_cells, n_genes)``."""
        return self.mean + self.mean.square() / self.dispersion

    def log_prob(self, counts: Tensor) -> Tensor:
        """Return the log-likelihood of each count, shape ``(n_cells, n_genes)``."""
        theta = self.dispersion
        combinations = torch.lgamma(counts + theta) - torch.lgamma(theta) - torch.lgamma(counts + 1)
        no_success = -theta * torch.log1p(self.mean / theta)
        return combinations + no_success + torch.xlogy(counts, self.mean / (theta + self.mean))

    @torch.no_grad()
    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """Draw counts, shape ``(n_cells, n_genes)``, outside the gradient path; by default from torch's generator."""
        return poisson_draw(self._rates(generator), generator)

    def surrogate(self, generator: torch.Generator | None = None) -> Tensor:
        r"""Draw counts that carry a gradient, for a critic.

        .. math:: \tilde c = c + \Lambda - \mathrm{stop}(\Lambda)

        Forward these are exact draws. Backward the Poisson step counts as the identity (straight-through) and the gamma
        step is differentiated exactly. The gradient of :math:`E[\tilde c]` is therefore right; that of
        :math:`E[\tilde c^2]` is right in :math:`\theta` and lacks the Poisson term in :math:`\mu`
        (:math:`2\mu(1 + 1/\theta)` instead of :math:`2\mu(1 + 1/\theta) + 1`), a small share for large means.
        """
        rates = self._rates(generator)
        # In this order the value is the whole number itself, without a rounding error.
        return poisson_draw(rates, generator) + (rates - rates.detach())

    def _rates(self, generator: torch.Generator | None) -> Tensor:
        theta = self.dispersion.expand_as(self.mean)
        return standard_gamma(theta, generator) * (self.mean / theta)


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
