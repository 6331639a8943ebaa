"""Shared factors behind the genes' latent scores."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from scgarage.models.garage.censored import Censored, draw_scores

__all__ = ["Factors"]

SMALLEST_NOISE = 0.05
"""Smallest share of a gene's latent variance that is its own."""


@dataclass(frozen=True)
class Factors:
    r"""Gaussian copula with shared factors.

    .. math:: z_{ij} = w_j^T f_i + \psi_j \epsilon_{ij}, \qquad \lVert w_j \rVert^2 + \psi_j^2 = 1

    Some of the factors may be known, such as how deep a cell was sequenced; they come last. The latent score of every
    gene is standard normal within its stratum, so that the marginals stay what they are; the factors say how genes go
    together. Fitted by Gibbs sampling with the scores drawn inside their intervals: scores randomised once instead
    weaken the correlations of genes with few counts.

    Attributes
    ----------
    loadings
        :math:`w`, (n_genes, n_factors and known ones).
    noise
        :math:`\psi`, (n_genes,).

    References
    ----------
    Hoff, Extending the rank likelihood for semiparametric copula estimation, 2007, doi:10.1214/07-AOAS107.
    Murray et al., Bayesian Gaussian copula factor models for mixed data, 2013, doi:10.1080/01621459.2012.762328.
    """

    loadings: NDArray[np.float32]
    noise: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        cells: Censored,
        *,
        n_factors: int,
        n_sweeps: int,
        n_kept: int,
        ridge: float,
        rng: np.random.Generator,
        known: NDArray[np.float32] | None = None,
    ) -> tuple[Self, NDArray[np.float32]]:
        """Fit loadings and draw the factors of the training cells.

        Parameters
        ----------
        cells
            Intervals of the scores.
        n_factors
            Number of factors.
        n_sweeps
            Gibbs sweeps before draws are kept.
        n_kept
            Draws of the factors to keep.
        ridge
            Precision of the loadings' prior, in cells.
        rng
            Source of the draws.
        known
            Standardised values of the known factors, (n_cells, n_known).

        Returns
        -------
        tuple
            The model and draws of the factors, (n_kept, n_cells, n_factors).
        """
        n_cells, n_genes = cells.zero.shape
        n_factors = min(n_factors, n_cells - 1, n_genes)
        plain = np.zeros((n_cells, n_genes), dtype=np.float32)
        scores = draw_scores(cells, plain, np.ones(n_genes, dtype=np.float32), rng)
        _, scale, axes = randomized_svd(scores, n_factors, n_iter=2, random_state=int(rng.integers(2**31)))
        given = _given(known, n_cells)
        unknown = np.zeros((n_genes, given.shape[1]))
        model = cls._standardised(np.hstack([axes.T * scale / np.sqrt(n_cells), unknown]), np.full(n_genes, 0.9))
        kept = []
        for sweep in range(n_sweeps + n_kept):
            factors = model.infer(scores, rng, given)
            if sweep >= n_sweeps:
                kept.append(factors)
            everything = np.hstack([factors, given])
            model = model.regress(scores, everything, ridge)
            scores = draw_scores(cells, everything @ model.loadings.T, model.noise, rng)
        return model, np.stack(kept)

    @classmethod
    def fit_given(
        cls, cells: Censored, factors: NDArray[np.float32], *, n_sweeps: int, ridge: float, rng: np.random.Generator
    ) -> Self:
        """Fit loadings of further genes on known factors (n_kept, n_cells, n_factors)."""
        n_genes = cells.zero.shape[1]
        model = cls._standardised(np.zeros((n_genes, factors.shape[2])), np.ones(n_genes))
        for sweep in range(n_sweeps):
            known = factors[sweep % len(factors)]
            scores = draw_scores(cells, known @ model.loadings.T, model.noise, rng)
            model = model.regress(scores, known, ridge)
        return model

    @classmethod
    def _standardised(cls, loadings: NDArray[np.floating], noise: NDArray[np.floating]) -> Self:
        total = np.sqrt((loadings**2).sum(axis=1) + noise**2)
        return cls((loadings / total[:, None]).astype(np.float32), (noise / total).astype(np.float32))

    def infer(
        self, scores: NDArray[np.float32], rng: np.random.Generator, known: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Draw factors given scores (n_cells, n_genes) and known ones: shape (n_cells, n_factors)."""
        given = _given(known, len(scores))
        n_factors = self.loadings.shape[1] - given.shape[1]
        free, fixed = self.loadings[:, :n_factors], self.loadings[:, n_factors:]
        weighted = free / self.noise[:, None] ** 2
        covariance = np.linalg.inv(np.eye(n_factors) + free.T.astype(np.float64) @ weighted)
        mean = (scores @ weighted - given @ (fixed.T @ weighted)) @ covariance
        noise = rng.standard_normal((len(scores), n_factors)) @ np.linalg.cholesky(covariance).T
        result: NDArray[np.float32] = (mean + noise).astype(np.float32)
        return result

    def regress(self, scores: NDArray[np.float32], factors: NDArray[np.float32], ridge: float) -> Self:
        """Regress scores on factors, and bring every gene's variance back to one."""
        precision = factors.T.astype(np.float64) @ factors + ridge * np.eye(factors.shape[1])
        loadings = np.linalg.solve(precision, factors.T @ scores).T.astype(np.float32)
        residual = ((scores - factors @ loadings.T) ** 2).mean(axis=0)
        return self._standardised(loadings, np.sqrt(np.maximum(residual, SMALLEST_NOISE)))

    def posterior(
        self,
        cells: Censored,
        *,
        n_sweeps: int,
        n_kept: int,
        rng: np.random.Generator,
        known: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Draw the factors of new cells with the loadings as they are, (n_kept, n_cells, n_factors)."""
        given = _given(known, len(cells.zero))
        n_factors = self.loadings.shape[1] - given.shape[1]
        factors = np.zeros((len(cells.zero), n_factors), dtype=np.float32)
        kept = []
        for sweep in range(n_sweeps + n_kept):
            scores = draw_scores(cells, np.hstack([factors, given]) @ self.loadings.T, self.noise, rng)
            factors = self.infer(scores, rng, given)
            if sweep >= n_sweeps:
                kept.append(factors)
        return np.stack(kept)


def _given(known: NDArray[np.float32] | None, n_cells: int) -> NDArray[np.float32]:
    return np.empty((n_cells, 0), dtype=np.float32) if known is None else known
