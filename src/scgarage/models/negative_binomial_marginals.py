"""Negative binomial distribution of every gene in every type, by maximum likelihood."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import betainc, psi
from scipy.stats import nbinom

__all__ = ["NegativeBinomialMarginals", "fit_dispersion"]

SMALLEST, LARGEST = 1e-4, 1e6
"""Range of the inverse dispersion; at the upper end the distribution is Poisson."""

N_BISECTIONS = 40

Genes = slice | NDArray[np.int64]


@dataclass(frozen=True)
class NegativeBinomialMarginals:
    r"""Counts of a gene in a type, whatever the library size.

    .. math:: c \sim \mathrm{NB}(\mu, \theta), \qquad E[c] = \mu, \quad \mathrm{Var}[c] = \mu + \mu^2 / \theta

    Attributes
    ----------
    mean
        :math:`\mu`, counts, (n_types, n_genes).
    dispersion
        Inverse dispersion :math:`\theta`, (n_types, n_genes).
    """

    mean: NDArray[np.float32]
    dispersion: NDArray[np.float32]

    @classmethod
    def fit(cls, counts: sparse.csr_matrix, labels: NDArray[np.int64], n_types: int) -> Self:
        """Estimate from counts, CSR (n_cells, n_genes), and type numbers, (n_cells,)."""
        shape = (n_types, counts.shape[1])
        mean, dispersion = np.zeros(shape), np.full(shape, LARGEST)
        for number in range(n_types):
            own = counts[np.flatnonzero(labels == number)].tocsc()
            mean[number] = np.asarray(own.sum(axis=0)).ravel() / own.shape[0]
            dispersion[number] = fit_dispersion(own)
        return cls(mean.astype(np.float32), dispersion.astype(np.float32))

    def draw(self, labels: NDArray[np.int64], genes: Genes, rng: np.random.Generator) -> sparse.csr_matrix:
        """Draw counts, genes independent of each other, (n_cells, n_genes chosen), for type numbers (n_cells,)."""
        theta = self.dispersion[:, genes].astype(np.float64)[labels]
        mean = self.mean[:, genes].astype(np.float64)[labels]
        return sparse.csr_matrix(rng.poisson(rng.gamma(theta, mean / theta)).astype(np.float32))

    def zero_level(self, labels: NDArray[np.int64], genes: Genes) -> NDArray[np.float64]:
        """Return the probability of zero, (n_cells, n_genes chosen), for type numbers (n_cells,)."""
        mean, theta = self.mean[:, genes].astype(np.float64), self.dispersion[:, genes].astype(np.float64)
        level: NDArray[np.float64] = np.exp(-theta * np.log1p(mean / theta))[labels]
        return level

    def intervals(
        self, values: NDArray[np.float64], labels: NDArray[np.int64], genes: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return P(below) and P(at or below) of single counts above zero; all arrays (n,)."""
        mean, theta = self._of(labels, genes)
        success = theta / (theta + mean)
        return np.asarray(betainc(theta, values, success)), np.asarray(betainc(theta, values + 1, success))

    def quantiles(
        self, levels: NDArray[np.float64], labels: NDArray[np.int64], genes: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the counts at cumulative probabilities above the zero level; all arrays (n,)."""
        mean, theta = self._of(labels, genes)
        # A level that rounds to one has no finite quantile.
        below_one = np.minimum(levels, 1 - 1e-12)
        return np.asarray(np.maximum(nbinom.ppf(below_one, theta, theta / (theta + mean)), 1.0))

    def _of(
        self, labels: NDArray[np.int64], genes: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.mean[labels, genes].astype(np.float64), self.dispersion[labels, genes].astype(np.float64)


def fit_dispersion(counts: sparse.csc_matrix) -> NDArray[np.float64]:
    r"""Estimate the inverse dispersion of each gene by maximum likelihood, with the mean at its own estimate.

    The likelihood is largest where

    .. math:: \sum_i [\psi(c_i + \theta) - \psi(\theta)] + n \log \frac{\theta}{\theta + \bar c} = 0,

    which has a root where the variance exceeds the mean; it is found by bisection on :math:`\log \theta`.

    Parameters
    ----------
    counts
        Counts, CSC (n_cells, n_genes).

    Returns
    -------
    :math:`\theta`, float64 (n_genes,); 10^6, the Poisson distribution, where the variance does not exceed the mean.

    References
    ----------
    Levin & Reeds, Annals of Statistics 1977, doi:10.1214/aos/1176343746 (the root is unique).
    """
    n_cells, n_genes = counts.shape
    mean = np.asarray(counts.sum(axis=0)).ravel() / n_cells
    excess = np.asarray(counts.multiply(counts).sum(axis=0)).ravel() / n_cells - mean**2 - mean
    genes = np.repeat(np.arange(n_genes), np.diff(counts.indptr))
    kept = excess[genes] > 0
    # Most counts are small and occur often: one digamma for each pair of gene and count.
    pairs, n_seen = np.unique(np.stack([genes[kept], counts.data[kept].astype(np.int64)]), axis=1, return_counts=True)
    low, high = np.full(n_genes, np.log(SMALLEST)), np.full(n_genes, np.log(LARGEST))
    for _ in range(N_BISECTIONS):
        middle = (low + high) / 2
        theta = np.exp(middle)
        gains = n_seen * (psi(pairs[1] + theta[pairs[0]]) - psi(theta)[pairs[0]])
        slope = np.bincount(pairs[0], weights=gains, minlength=n_genes) - n_cells * np.log1p(mean / theta)
        low, high = np.where(slope > 0, middle, low), np.where(slope > 0, high, middle)
    return np.where(excess > 0, np.exp((low + high) / 2), LARGEST)
