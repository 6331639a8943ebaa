"""How genes of a type go together: a Gaussian copula with a shrunk correlation matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cholesky
from scipy.special import ndtr, ndtri
from sklearn.covariance import ledoit_wolf

__all__ = ["GaussianCopula", "Marginals", "normal_scores", "shrunk_correlation"]


class Marginals(Protocol):
    """Distribution of every gene in every type; see :class:`NegativeBinomialMarginals`."""

    def zero_level(self, labels: NDArray[np.int64], genes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the probability of zero, (n_cells, n_genes chosen)."""

    def intervals(
        self, values: NDArray[np.float64], labels: NDArray[np.int64], genes: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return P(below) and P(at or below) of single values above zero."""

    def quantiles(
        self, levels: NDArray[np.float64], labels: NDArray[np.int64], genes: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the values at cumulative probabilities above the zero level."""


@dataclass(frozen=True)
class GaussianCopula:
    r"""Normal scores :math:`z \sim N(0, R_t)` of the correlated genes of each type :math:`t`.

    Attributes
    ----------
    genes
        Numbers of the correlated genes, type after type, (n_entries,).
    n_genes
        Number of correlated genes of each type, (n_types,); 0 for a type whose genes are independent.
    factors
        Lower Cholesky factors of :math:`R_t`, flat, type after type.
    """

    genes: NDArray[np.int64]
    n_genes: NDArray[np.int64]
    factors: NDArray[np.float32]

    @classmethod
    def join(cls, genes: Sequence[NDArray[np.int64]], correlations: Sequence[NDArray[np.float64]]) -> Self:
        """Make a copula from the correlated genes and the correlation matrix of each type."""
        factors = [cholesky(matrix, lower=True).ravel() for matrix in correlations if len(matrix)]
        return cls(
            np.concatenate([*genes, np.empty(0, dtype=np.int64)]).astype(np.int64),
            np.array([len(numbers) for numbers in genes], dtype=np.int64),
            np.concatenate([*factors, np.empty(0)]).astype(np.float32),
        )

    def of_type(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the correlated genes of a type and the Cholesky factor of their correlation."""
        size = int(self.n_genes[number])
        gene = int(self.n_genes[:number].sum())
        entry = int((self.n_genes[:number] ** 2).sum())
        return self.genes[gene : gene + size], self.factors[entry : entry + size**2].reshape(size, size)

    def draw(self, number: int, n_cells: int, marginals: Marginals, rng: np.random.Generator) -> sparse.csr_matrix:
        """Draw values of the correlated genes of type ``number``, CSR (n_cells, n_genes of the type)."""
        genes, factor = self.of_type(number)
        noise = rng.standard_normal((n_cells, len(genes)), dtype=np.float32)
        levels = ndtr((noise @ factor.T).astype(np.float64))
        cells, columns = np.nonzero(levels > marginals.zero_level(np.array([number]), genes))
        types = np.full(len(cells), number)
        values = marginals.quantiles(levels[cells, columns], types, genes[columns])
        return sparse.csr_matrix((values.astype(np.float32), (cells, columns)), shape=levels.shape)


def normal_scores(
    values: sparse.csr_matrix, number: int, genes: NDArray[np.int64], marginals: Marginals, rng: np.random.Generator
) -> NDArray[np.float64]:
    r"""Return randomised normal scores of cells of one type.

    .. math::

        z_{ij} = \Phi^{-1}\big(F_j(c_{ij}^-) + v_{ij} [F_j(c_{ij}) - F_j(c_{ij}^-)]\big), \qquad v_{ij} \sim U(0, 1)

    with :math:`F_j` the cumulative distribution of gene :math:`j` and :math:`F_j(c^-)` its limit from below. If the
    marginals are right, the scores of each gene are standard normal. Their correlation is weaker than that of the rates
    behind the counts, the more the fewer different counts a gene has.

    Parameters
    ----------
    values
        Counts or log values of the cells and genes, CSR (n_cells, n_genes chosen).
    number
        Number of the type.
    genes
        Numbers of the chosen genes.
    marginals
        Distribution of every gene in every type.
    rng
        Source of :math:`v`.

    Returns
    -------
    Scores, float64, (n_cells, n_genes chosen).

    References
    ----------
    Rüschendorf, Journal of Statistical Planning and Inference 2009, doi:10.1016/j.jspi.2009.05.030.
    """
    inside = rng.random(values.shape)
    levels = inside * marginals.zero_level(np.array([number]), genes)
    entries = values.tocoo()
    types = np.full(entries.nnz, number)
    low, high = marginals.intervals(entries.data.astype(np.float64), types, genes[entries.col])
    levels[entries.row, entries.col] = low + inside[entries.row, entries.col] * (high - low)
    return np.asarray(ndtri(np.clip(levels, 1e-6, 1 - 1e-6)))


def shrunk_correlation(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Ledoit-Wolf estimate of the correlation of scores (n_cells, n_genes): positive definite.

    References
    ----------
    Ledoit & Wolf, Journal of Multivariate Analysis 2004, doi:10.1016/S0047-259X(03)00096-4.
    """
    # Genes on one scale first: the target of the shrinkage is a multiple of the identity.
    covariance, _ = ledoit_wolf((scores - scores.mean(axis=0)) / scores.std(axis=0), assume_centered=True)
    spread = np.sqrt(np.diag(covariance))
    correlation: NDArray[np.float64] = covariance / np.outer(spread, spread)
    # With many more cells than genes nothing is shrunk; collinear genes would then have no Cholesky factor.
    return (1 - 1e-6) * correlation + 1e-6 * np.eye(len(correlation))
