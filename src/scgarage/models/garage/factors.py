"""Shared factors of a Gaussian copula, fitted by Gibbs sampling inside the intervals of the counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special
from sklearn.utils.extmath import randomized_svd

FAR = 6.0
"""Scores stay within so many standard deviations."""


@dataclass(frozen=True)
class Censored:
    """Intervals of the latent scores of some cells and genes."""

    # score below which the cell shows no count, (n_cells, n_genes) float32; of no meaning at the entries below
    zero: NDArray[np.float32]
    rows: NDArray[np.int64]  # entries with a count, (n_entries,)
    columns: NDArray[np.int64]
    low: NDArray[np.float64]  # their intervals, (n_entries,); equal where the value is continuous
    high: NDArray[np.float64]


def normal_score(levels: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return standard normal quantiles, kept finite."""
    result: NDArray[np.floating] = np.clip(special.ndtri(levels), -FAR, FAR)
    return result


def draw_scores(
    cells: Censored, mean: NDArray[np.float32], spread: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    r"""Draw scores from normal distributions cut to their intervals.

    .. math:: z_{ij} \sim N(m_{ij}, \psi_j^2) \; \text{given} \; a_{ij} < z_{ij} < b_{ij}
    """
    scores = (cells.zero - mean) / spread
    special.ndtr(scores, out=scores)
    scores *= rng.random(scores.shape, dtype=np.float32)
    special.ndtri(np.maximum(scores, np.float32(1e-9), out=scores), out=scores)
    scores *= spread
    scores += mean
    m, s = mean[cells.rows, cells.columns].astype(np.float64), spread[cells.columns].astype(np.float64)
    low, high = (cells.low - m) / s, (cells.high - m) / s
    # In the upper tail probabilities near 1 lose their digits; mirror those intervals.
    sign = np.where(low > 0, -1.0, 1.0)
    first, last = special.ndtr(np.where(low > 0, -high, low)), special.ndtr(np.where(low > 0, -low, high))
    drawn = special.ndtri(np.clip(first + rng.random(len(m)) * (last - first), 1e-300, 1.0))
    inside = np.clip(m + s * sign * drawn, cells.low, cells.high)
    scores[cells.rows, cells.columns] = inside
    return np.clip(scores, -FAR, FAR, out=scores)


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

    References
    ----------
    Hoff, Extending the rank likelihood for semiparametric copula estimation, 2007, doi:10.1214/07-AOAS107.
    Murray et al., Bayesian Gaussian copula factor models for mixed data, 2013, doi:10.1080/01621459.2012.762328.
    """

    loadings: NDArray[np.float32]  # w, (n_genes, n_factors and known ones)
    noise: NDArray[np.float32]  # \psi, (n_genes,)

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
        """Fit loadings and draw the factors of the training cells."""
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


BLOCK = 8_000_000
"""Cells times genes that are handled at a time."""

Genes: TypeAlias = slice | NDArray[np.int64]


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
    """Real cells as the decoder sees them."""

    values: sparse.csr_matrix  # counts or log-normalised values of all genes, CSR (n_cells, n_genes)
    totals: NDArray[np.float64]  # library sizes; ones where there are none, (n_cells,)
    strata: NDArray[np.int64]  # number of the stratum of each cell, (n_cells,)
    depth: NDArray[np.float32]  # how deep each cell is among those of its stratum, a known factor, (n_cells, 1)

    def take(self, rows: NDArray[np.int64]) -> "Cells":
        """Return some of the cells."""
        return Cells(self.values[rows], self.totals[rows], self.strata[rows], self.depth[rows])


@dataclass(frozen=True)
class Decoder:
    """Loadings and noise of all genes; those outside the selection are regressed on its factors."""

    loadings: NDArray[np.float32]  # (n_genes, n_factors and the depth)
    noise: NDArray[np.float32]  # (n_genes,)

    @classmethod
    def fit(
        cls,
        cells: Cells,
        marginal: Marginal,
        selected: NDArray[np.int64],
        gibbs: GibbsSettings,
        rng: np.random.Generator,
    ) -> tuple[Self, NDArray[np.float32]]:
        """Fit the factors on the selected genes, then the loadings of the others."""
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
        """Draw the values of all genes, CSR float32 (n_cells, n_genes), from factors (n_cells, n_factors) and depth."""
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
