"""Shared factors of a Gaussian copula, fitted by Gibbs sampling inside the intervals of the counts."""

from dataclasses import dataclass, field, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from scgarage.models.garage.censored import BLOCK, Censored, draw_scores, expected_scores
from scgarage.models.garage.compiled import (
    compiled,
    following,
    in_parallel,
    normal_cdf,
    normal_quantile,
    pieces,
    streams,
    uniform,
)
from scgarage.models.garage.marginals import Genes, ZeroScores, normal_score

N_STARTING = 10
"""Steps of the factor analysis that Gibbs sampling starts from."""

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
        given = _given(known, n_cells)
        model = cls._started(expected_scores(cells), n_factors, given.shape[1], rng)
        everything = np.hstack([np.zeros((n_cells, n_factors), dtype=np.float32), given])
        scores = draw_scores(cells, everything @ model.loadings.T, np.ones(n_genes, dtype=np.float32), rng)
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
    def _started(cls, expected: NDArray[np.float32], n_factors: int, n_given: int, rng: np.random.Generator) -> Self:
        r"""Return loadings to start from, by factor analysis of the expected scores (n_cells, n_genes).

        Expected scores are weaker than scores: to first order their covariances are
        :math:`v_j v_k w_j^T w_k` with their own variances :math:`v`, since :math:`\mathrm{Cov}(E[z_j | c], z_j) = v_j`.
        """
        from sklearn.utils.extmath import randomized_svd

        spread = np.sqrt(np.maximum((expected**2).mean(axis=0), 1e-4))
        scaled = expected / spread
        _, scale, axes = randomized_svd(scaled, n_factors, n_iter=2, random_state=int(rng.integers(2**31)))
        model = cls((axes.T * scale / np.sqrt(len(expected))).astype(np.float32), np.full(len(spread), 0.7, np.float32))
        for _ in range(N_STARTING):
            model = model._analysed(scaled)
        loadings, noise = _bounded(model.loadings / spread[:, None])
        return cls(np.hstack([loadings, np.zeros((len(noise), n_given), dtype=np.float32)]), noise)

    def _analysed(self, scores: NDArray[np.float32]) -> Self:
        """Return the model after one step of factor analysis by expectation maximisation."""
        weighted = self.loadings / self.noise[:, None] ** 2
        covariance = np.linalg.inv(np.eye(self.loadings.shape[1]) + self.loadings.T @ weighted).astype(np.float32)
        factors = scores @ (weighted @ covariance)
        second = factors.T @ factors + len(scores) * covariance
        loadings = np.linalg.solve(second, factors.T @ scores).T
        explained = (loadings * (scores.T @ factors)).sum(axis=1) / len(scores)
        own = np.maximum((scores**2).mean(axis=0) - explained, SMALLEST_NOISE)
        return type(self)(loadings.astype(np.float32), np.sqrt(own).astype(np.float32))

    @classmethod
    def fit_given(cls, cells: Censored, factors: NDArray[np.float32]) -> Self:
        r"""Fit loadings of further genes on draws of known factors (n_kept, n_cells, n_factors), in one step.

        .. math:: w_j = v_j^{-1} \, C^{-1} \, \mathrm{Cov}(\bar f, E[z_j | c_j])

        with the mean :math:`\bar f` of the draws, the variances :math:`v` of the expected scores and the covariance
        :math:`C` between draws, which is that of the factors' posterior means: a regression on the draws themselves
        would be too weak, as they do not know the gene. Then drawn to zero by what noise asks for (:func:`drawn_to`).
        """
        expected, none = expected_scores(cells), np.zeros((cells.zero.shape[1], factors.shape[2]), dtype=np.float32)
        return cls(*_bounded(_one_step(expected.astype(np.float64), factors, none, _between(factors))))

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


def _bounded(loadings: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return loadings that leave every gene some noise of its own, and that noise, for a variance of one."""
    total = np.maximum((loadings**2).sum(axis=1), 1e-9)
    loadings = loadings * np.sqrt(np.minimum(1, (1 - SMALLEST_NOISE) / total))[:, None]
    noise = np.sqrt(1 - (loadings**2).sum(axis=1))
    return loadings.astype(np.float32), noise.astype(np.float32)


def _given(known: NDArray[np.float32] | None, n_cells: int) -> NDArray[np.float32]:
    return np.empty((n_cells, 0), dtype=np.float32) if known is None else known


def _between(factors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the mean product of two different draws of factors (n_kept, n_cells, n_factors), summed over cells."""
    n_kept = len(factors)
    if n_kept == 1:
        return _product(factors[0])
    products = n_kept**2 * _product(factors.mean(axis=0)) - np.sum([_product(one) for one in factors], axis=0)
    result: NDArray[np.float64] = products / (n_kept * (n_kept - 1))
    return result


def _product(points: NDArray[np.floating]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = points.T.astype(np.float64) @ points
    return result


CHUNK = 8_000_000
"""Cells times genes whose intervals are held at a time."""


class Marginal(Protocol):
    """Distribution of each gene in each stratum."""

    def zero_scores(self, genes: Genes) -> ZeroScores:
        """Return the normal scores of the probability of zero of some genes."""
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


SCALES: NDArray[np.float64] = np.array([0.0, 0.03, 0.06, 0.12, 0.25, 0.5])
"""How much the loadings of a gene may differ between strata."""

N_ROUNDS = 50
"""Iterations in which the shares of :data:`SCALES` are found."""

NO_LOADINGS = np.zeros((0, 0, 0), dtype=np.float32)
NO_GENES = np.zeros(0, dtype=np.int64)
NO_STRETCH = np.zeros(0, dtype=np.float32)


def own_loadings(
    expected: NDArray[np.float32], factors: NDArray[np.float32], strata: NDArray[np.int64], shared: NDArray[np.float32]
) -> NDArray[np.float32]:
    r"""Return what is to be added to shared loadings in each stratum, (n_strata, n_genes, n_dims).

    .. math:: w_{sj} \sim w_j + \sum_k \pi_{sk} N(0, \tau_k^2 I)

    with the scales :data:`SCALES`: the loadings of a gene in a stratum are found in one step from its cells
    (:meth:`Factors.fit_given`) and drawn to the shared ones by as much as their noise asks for, given the shares
    :math:`\pi` over all genes, which are estimated (empirical Bayes, after Stephens 2017,
    doi:10.1093/biostatistics/kxw041). Small strata, and strata that are like the others, so keep the shared loadings.
    """
    own = np.zeros((int(strata.max()) + 1, *shared.shape), dtype=np.float32)
    strata_present = [int(code) for code in np.unique(strata) if (strata == code).sum() > shared.shape[1]]

    def one(code: int) -> NDArray[np.float32]:
        rows = np.flatnonzero(strata == code)
        drawn = factors[:, rows].astype(np.float64)
        # A gene of the selection is among those that the factors were drawn from, so it goes with the draws as with
        # the factors themselves; their spread is that of the draws.
        products = np.mean([_product(draw) for draw in drawn], axis=0)
        return _one_step(expected[rows].astype(np.float64), drawn, shared, products) - shared

    for code, found in zip(strata_present, in_parallel(one, strata_present), strict=True):
        own[code] = found
    return own


def _one_step(
    expected: NDArray[np.float64],
    factors: NDArray[np.floating],
    given: NDArray[np.float32],
    products: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return loadings (n_genes, n_dims) from expected scores and draws of the factors, drawn to ``given`` ones.

    ``products`` are those of the factors, summed over cells.
    """
    size, axes = np.linalg.eigh(products / len(expected))
    size = np.maximum(size, 1e-2)[:, None]
    variance = np.maximum((expected**2).mean(axis=0), 1e-3)
    found = axes.T @ (factors.mean(axis=0).T @ expected) / (len(expected) * variance * size)
    start = axes.T @ given.T.astype(np.float64)
    noise = np.maximum(1 - (start**2).sum(axis=0), 0.1) / (len(expected) * variance * size)
    return np.asarray((axes @ drawn_to(start, found, noise)).T, dtype=np.float32)


def drawn_to(start: NDArray[np.float64], found: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what was found, of known noise variance, drawn to where it started by as much as all genes ask for.

    Each gene differs by a normal distribution of one of the :data:`SCALES`, whose shares are those that explain all
    genes best; arrays (n_dims, n_genes).
    """
    away = (found - start) ** 2
    log_density = np.stack([-0.5 * (np.log(s**2 + noise) + away / (s**2 + noise)).sum(axis=0) for s in SCALES])
    density = np.exp(log_density - log_density.max(axis=0))
    shares = np.full(len(SCALES), 1 / len(SCALES))
    for _ in range(N_ROUNDS):
        posterior = shares[:, None] * density
        posterior /= posterior.sum(axis=0)
        shares = posterior.mean(axis=1)
    kept = np.sum([p * s**2 / (s**2 + noise) for p, s in zip(posterior, SCALES, strict=True)], axis=0)
    result: NDArray[np.float64] = start + kept * (found - start)
    return result


@dataclass(frozen=True)
class Decoder:
    """Loadings and noise of all genes; those outside the selection are regressed on its factors.

    Strata may differ in the loadings of the selected genes (:func:`own_loadings`).
    """

    loadings: NDArray[np.float32]  # (n_genes, n_factors and the depth)
    noise: NDArray[np.float32]  # (n_genes,)
    # what is added to the loadings of the selected genes in each stratum, (n_strata, n_selected, n_factors and the
    # depth), and these genes
    own: NDArray[np.float32] = field(default_factory=NO_LOADINGS.copy)
    selected: NDArray[np.int64] = field(default_factory=NO_GENES.copy)
    # by how much the factors count more or less in each stratum, (n_strata,); by default as much as was fitted
    stretch: NDArray[np.float32] = field(default_factory=NO_STRETCH.copy)

    def of(self, stratum: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the loadings, (n_genes, n_factors and the depth), and the noise of a stratum."""
        loadings = self.loadings.copy()
        if len(self.own):
            loadings[self.selected] += self.own[stratum]
        if len(self.stretch):
            loadings[:, :-1] *= self.stretch[stratum]
        return _bounded(loadings)

    def strengthened(self, strength: NDArray[np.float32]) -> Self:
        """Return the same with each gene's loadings times its strength, (n_genes,), 0 for independent of all others."""
        own = self.own * strength[self.selected, None] if len(self.own) else self.own
        loadings, noise = _bounded(self.loadings * strength[:, None])
        return replace(self, loadings=loadings, noise=noise, own=own.astype(np.float32))

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
        seen = censor(cells, marginal, selected)
        factors, draws = Factors.fit(
            seen,
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
        for part in pieces(len(others), len(cells.totals), CHUNK):
            genes = others[part]
            found = Factors.fit_given(censor(cells, marginal, genes), everything)
            loadings[genes], noise[genes] = found.loadings, found.noise
        own = own_loadings(expected_scores(seen), everything, cells.strata, factors.loadings)
        return cls(loadings, noise, own, selected), draws

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
        every_factor, starts = np.hstack([factors, depth]), streams(len(totals), rng)
        zero, order = marginal.zero_scores(slice(0, len(self.noise))), np.argsort(strata, kind="stable")
        present = np.unique(strata)
        loadings = {stratum: self.of(stratum) for stratum in present}
        runs = np.split(order, np.searchsorted(strata[order], present)[1:])

        def some(rows: NDArray[np.int64]) -> sparse.csr_matrix:
            scores, (weights, noise) = zero.at(totals[rows], strata[rows]), loadings[strata[rows[0]]]
            n_shown = np.zeros(len(scores), dtype=np.int64)
            _decide(every_factor[rows], np.ascontiguousarray(weights.T), noise, starts[rows], scores, n_shown)
            cell, gene = np.repeat(np.arange(len(scores)), n_shown), np.empty(n_shown.sum(), dtype=np.int64)
            shown = np.empty(len(gene))
            _gather(scores, gene, shown)
            levels = np.minimum(special.ndtr(shown), 1 - 1e-7)
            drawn = marginal.quantiles(levels, totals[rows][cell], strata[rows][cell], gene).astype(np.float32)
            values = sparse.csr_matrix((drawn, gene, np.concatenate([[0], np.cumsum(n_shown)])), shape=scores.shape)
            values.eliminate_zeros()
            return values

        parts = [run[part] for run in runs for part in pieces(len(run), len(self.noise), BLOCK)]
        values = sparse.csr_matrix(sparse.vstack(in_parallel(some, parts)))
        return values if (np.diff(order) == 1).all() else values[np.argsort(order)]


HIDDEN = np.float32(-1e9)
"""Score that stands for no count."""


@compiled
def _decide(
    factors: NDArray[np.float32],
    loadings: NDArray[np.float32],
    noise: NDArray[np.float32],
    starts: NDArray[np.uint64],
    scores: NDArray[np.float32],
    n_shown: NDArray[np.int64],
) -> None:
    """Replace zero scores by the latent scores above them, or by :data:`HIDDEN`; count the former in each cell.

    A score is only drawn where the cell shows the gene, which one uniform number decides.
    """
    mean = np.empty(scores.shape[1], dtype=np.float32)
    for cell in range(scores.shape[0]):
        mean[:] = 0
        for k in range(factors.shape[1]):
            factor = factors[cell, k]
            for gene in range(len(mean)):
                mean[gene] += factor * loadings[k, gene]
        state = starts[cell]
        for gene in range(len(mean)):
            state = following(state)
            u = uniform(state)
            if u < normal_cdf((mean[gene] - scores[cell, gene]) / noise[gene]):
                scores[cell, gene] = mean[gene] - noise[gene] * normal_quantile(u)
                n_shown[cell] += 1
            else:
                scores[cell, gene] = HIDDEN


@compiled
def _gather(scores: NDArray[np.float32], genes: NDArray[np.int64], shown: NDArray[np.float64]) -> None:
    """Fill in gene and score of each entry that is not hidden, cell by cell."""
    entry = 0
    for cell in range(scores.shape[0]):
        for gene in range(scores.shape[1]):
            if scores[cell, gene] > HIDDEN:
                genes[entry] = gene
                shown[entry] = scores[cell, gene]
                entry += 1


def censor(cells: Cells, marginal: Marginal, genes: NDArray[np.int64]) -> Censored:
    """Return the intervals of the latent scores of some genes."""
    entries = cells.values[:, genes].tocoo()
    rows, columns = entries.row.astype(np.int64), entries.col.astype(np.int64)
    values = entries.data.astype(np.float64)
    low, high = marginal.intervals(values, cells.totals[rows], cells.strata[rows], genes[columns])
    zero = marginal.zero_scores(genes).at(cells.totals, cells.strata)
    return Censored(zero, rows, columns, normal_score(low), normal_score(high))
