"""From latent positions to values of all genes, and back."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from scgarage.models.garage.censored import FAR, Censored, normal_score
from scgarage.models.garage.factors import Factors

__all__ = ["Cells", "Decoder", "GibbsSettings", "Marginal"]

BLOCK = 8_000_000
"""Cells times genes that are handled at a time."""

Genes = slice | NDArray[np.int64]


class Marginal(Protocol):
    """Distribution of each gene in each stratum."""

    def zero_level(self, totals: NDArray[np.float64], strata: NDArray[np.int64], genes: Genes) -> NDArray[np.float32]:
        """Return the probability of zero."""
        ...

    def intervals(
        self,
        values: NDArray[np.float64],
        totals: NDArray[np.float64],
        strata: NDArray[np.int64],
        genes: NDArray[np.int64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return cumulative probabilities below and at values."""
        ...

    def quantiles(
        self,
        levels: NDArray[np.float64],
        totals: NDArray[np.float64],
        strata: NDArray[np.int64],
        genes: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return the values at cumulative probabilities."""
        ...


@dataclass(frozen=True)
class GibbsSettings:
    """How the factors are fitted; see :class:`Factors`."""

    n_factors: int
    n_sweeps: int
    n_kept: int
    ridge: float
    min_cells: int


@dataclass(frozen=True)
class Cells:
    """Real cells as the decoder sees them.

    Attributes
    ----------
    values
        Counts or log-normalised values of all genes, CSR (n_cells, n_genes).
    totals
        Library sizes; ones where there are none, (n_cells,).
    strata
        Number of the stratum of each cell, (n_cells,).
    depth
        How deep each cell is among those of its stratum, a known factor, (n_cells, 1).
    """

    values: sparse.csr_matrix
    totals: NDArray[np.float64]
    strata: NDArray[np.int64]
    depth: NDArray[np.float32]

    def take(self, rows: NDArray[np.int64]) -> "Cells":
        """Return some of the cells."""
        return Cells(self.values[rows], self.totals[rows], self.strata[rows], self.depth[rows])


@dataclass(frozen=True)
class Decoder:
    """Loadings and noise of all genes; those outside the selection are regressed on its factors.

    Attributes
    ----------
    loadings
        (n_genes, n_factors and the depth).
    noise
        (n_genes,).
    """

    loadings: NDArray[np.float32]
    noise: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        cells: Cells,
        marginal: Marginal,
        selected: NDArray[np.int64],
        gibbs: GibbsSettings,
        rng: np.random.Generator,
    ) -> tuple[Self, NDArray[np.float32]]:
        """Fit the factors on the selected genes, then the loadings of the others.

        Returns
        -------
        tuple
            The decoder, and draws of the cells' factors, (n_kept, n_cells, n_factors).
        """
        factors, draws = Factors.fit(
            censor(cells, marginal, selected),
            n_factors=gibbs.n_factors,
            n_sweeps=gibbs.n_sweeps,
            n_kept=gibbs.n_kept,
            ridge=gibbs.ridge,
            rng=rng,
            known=cells.depth,
        )
        everything = np.concatenate([draws, np.broadcast_to(cells.depth, (len(draws), *cells.depth.shape))], axis=2)
        n_genes = cells.values.shape[1]
        loadings = np.zeros((n_genes, everything.shape[2]), dtype=np.float32)
        noise = np.ones(n_genes, dtype=np.float32)
        loadings[selected], noise[selected] = factors.loadings, factors.noise
        detected = np.asarray((cells.values > 0).sum(axis=0)).ravel()
        others = np.setdiff1d(np.flatnonzero(detected >= gibbs.min_cells), selected)
        for part in _parts(len(others), len(cells.totals)):
            genes = others[part]
            found = Factors.fit_given(
                censor(cells, marginal, genes), everything, n_sweeps=5, ridge=gibbs.ridge, rng=rng
            )
            loadings[genes], noise[genes] = found.loadings, found.noise
        return cls(loadings, noise), draws

    def encode(
        self, cells: Cells, marginal: Marginal, selected: NDArray[np.int64], *, n_kept: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Draw the factors of new cells, (n_kept, n_cells, n_factors)."""
        factors = Factors(self.loadings[selected], self.noise[selected])
        censored = censor(cells, marginal, selected)
        return factors.posterior(censored, n_sweeps=10, n_kept=n_kept, rng=rng, known=cells.depth)

    def decode(
        self,
        factors: NDArray[np.float32],
        depth: NDArray[np.float32],
        totals: NDArray[np.float64],
        strata: NDArray[np.int64],
        marginal: Marginal,
        rng: np.random.Generator,
    ) -> sparse.csr_matrix:
        """Draw the values of all genes, CSR float32 (n_cells, n_genes), from factors (n_cells, n_factors) and depth.

        Parameters
        ----------
        factors
            Factors, (n_cells, n_factors).
        depth
            How deep each cell is among those of its stratum, (n_cells, 1).
        totals
            Library sizes, (n_cells,).
        strata
            Stratum of each cell, (n_cells,).
        marginal
            Distribution of each gene in each stratum.
        rng
            Source of the draws.
        """
        parts = []
        every_factor = np.hstack([factors, depth])
        everything = slice(0, len(self.noise))
        for rows in _parts(len(totals), len(self.noise)):
            scores = rng.standard_normal((rows.stop - rows.start, len(self.noise)), dtype=np.float32)
            scores *= self.noise
            scores += every_factor[rows] @ self.loadings.T
            levels = np.minimum(special.ndtr(scores, out=scores), np.float32(1 - 1e-7), out=scores)
            cell, gene = np.nonzero(levels > marginal.zero_level(totals[rows], strata[rows], everything))
            drawn = marginal.quantiles(
                levels[cell, gene].astype(np.float64), totals[rows][cell], strata[rows][cell], gene
            )
            values = sparse.csr_matrix((drawn.astype(np.float32), (cell, gene)), shape=scores.shape)
            values.eliminate_zeros()
            parts.append(values)
        return sparse.csr_matrix(sparse.vstack(parts))


def censor(cells: Cells, marginal: Marginal, genes: NDArray[np.int64]) -> Censored:
    """Return the intervals of the latent scores of some genes."""
    entries = cells.values[:, genes].tocoo()
    rows, columns = entries.row.astype(np.int64), entries.col.astype(np.int64)
    values = entries.data.astype(np.float64)
    low, high = marginal.intervals(values, cells.totals[rows], cells.strata[rows], genes[columns])
    zero = normal_score(marginal.zero_level(cells.totals, cells.strata, genes)).astype(np.float32)
    edges = [np.clip(special.ndtri(np.clip(edge, 0, 1)), -FAR, FAR) for edge in (low, high)]
    return Censored(zero, rows, columns, edges[0], edges[1])


def _parts(n: int, width: int) -> Iterator[slice]:
    """Cut ``n`` rows of ``width`` numbers into pieces of about :data:`BLOCK` numbers."""
    step = max(1, BLOCK // max(width, 1))
    return (slice(start, min(start + step, n)) for start in range(0, n, step))
