"""Negative binomial counts by mean and inverse dispersion."""

from dataclasses import dataclass

import torch
from torch import Tensor

from scgarage.nn.drawing import poisson_draw, standard_gamma

__all__ = ["NegativeBinomial"]


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
