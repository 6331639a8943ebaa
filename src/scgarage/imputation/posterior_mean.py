"""The imputer ``garage``: posterior means under the default model."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from scgarage.errors import InputError
from scgarage.imputation.base import Cells, Conditions, Filled, Imputer, ImputerConfig
from scgarage.models.garage import GarageConfig
from scgarage.models.garage.censored import Censored
from scgarage.models.garage.factors import Factors
from scgarage.models.garage.marginals import PoissonMixture, normal_score
from scgarage.models.garage.mixture import GRID, SHAPE
from scgarage.models.garage.strata import Depth, Strata

Moments: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Means and variances."""

N_NEWTON_STEPS = 6
LARGEST_STEP = 2.0
"""Newton's method: steps, and how far a factor moves in one. The posterior has a single peak."""

CHUNK = 4_000_000
"""Cells times genes that are handled at a time."""


def score_moments(cells: Censored, mean: NDArray[np.float32], spread: NDArray[np.float32]) -> Moments:
    r"""Return mean and variance of latent scores that are known to lie in intervals.

    .. math:: E[z] = m + \psi \frac{\phi(a) - \phi(b)}{\Phi(b) - \Phi(a)}, \qquad z \sim N(m, \psi^2), \;
        a < (z - m) / \psi < b
    """
    upper = (cells.zero - mean) / spread
    ratio = np.exp(-0.5 * np.square(upper) - special.log_ndtr(upper) - np.float32(0.5 * np.log(2 * np.pi)))
    scores = mean - spread * ratio
    variance = np.clip(1 - ratio * (ratio + upper), 0, 1)
    m, s = mean[cells.rows, cells.columns].astype(np.float64), spread[cells.columns].astype(np.float64)
    low, high = (cells.low - m) / s, (cells.high - m) / s
    # In the upper tail probabilities near 1 lose their digits; mirror those intervals.
    sign = np.where(low > 0, -1.0, 1.0)
    low, high = np.where(low > 0, -high, low), np.where(low > 0, -low, high)
    inside = special.ndtr(high) - special.ndtr(low)
    wide = inside > 1e-8
    at_low, at_high = (np.exp(-0.5 * np.square(edge)) / np.sqrt(2 * np.pi) for edge in (low, high))
    shift = np.where(wide, (at_low - at_high) / np.where(wide, inside, 1), (low + high) / 2)
    shift = np.clip(shift, low, high)
    second = (low * at_low - high * at_high) / np.where(wide, inside, 1)
    scores[cells.rows, cells.columns] = m + s * sign * shift
    variance[cells.rows, cells.columns] = np.where(wide, np.clip(1 + second - np.square(shift), 0, 1), 0)
    return scores.astype(np.float32), variance.astype(np.float32)


def locate(cells: Censored, factors: Factors) -> Moments:
    r"""Return the most likely factors of cells, and how uncertain the scores are that follow from them.

    Newton's method on the logarithm of the posterior, which is concave; no draws, so that a cell's position does not
    depend on the other cells.

    .. math:: \Lambda_i = I + \sum_j \frac{1 - V_{ij}}{\psi_j^2} w_j w_j^T, \qquad
        f_i \leftarrow f_i + \Lambda_i^{-1} \Big(\sum_j \frac{E[z_{ij}] - w_j^T f_i}{\psi_j^2} w_j - f_i\Big)
    """
    n_cells, n_genes = cells.zero.shape
    step = max(1, CHUNK // n_genes)
    parts = [_locate(_rows(cells, start, min(start + step, n_cells)), factors) for start in range(0, n_cells, step)]
    found, uncertain = zip(*parts, strict=True)
    return np.concatenate(found), np.concatenate(uncertain)


def _locate(cells: Censored, factors: Factors) -> Moments:
    w, precision = factors.loadings, 1 / np.square(factors.noise)
    n_factors = w.shape[1]
    products = (w[:, :, None] * w[:, None, :]).reshape(len(w), -1)
    found = np.zeros((len(cells.zero), n_factors), dtype=np.float32)
    identity = np.eye(n_factors, dtype=np.float32)
    for _ in range(N_NEWTON_STEPS):
        mean = found @ w.T
        scores, variance = score_moments(cells, mean, factors.noise)
        information = (((1 - variance) * precision) @ products).reshape(-1, n_factors, n_factors) + identity
        slope = ((scores - mean) * precision) @ w - found
        move = np.linalg.solve(information, slope[:, :, None])[:, :, 0]
        found = (found + np.clip(move, -LARGEST_STEP, LARGEST_STEP)).astype(np.float32)
    covariance = np.linalg.inv(information).reshape(len(found), -1)
    return found, np.maximum(covariance @ products.T, 0).astype(np.float32)


def _rows(cells: Censored, start: int, stop: int) -> Censored:
    inside = (cells.rows >= start) & (cells.rows < stop)
    low, high = cells.low[inside], cells.high[inside]
    return Censored(cells.zero[start:stop], cells.rows[inside] - start, cells.columns[inside], low, high)


SCORES: NDArray[np.float64] = np.linspace(-3.5, 3.5, 15)
N_DEPTHS = 3
N_STEPS = 14
"""Points of the table, and steps in which the counts of a gene are gone through."""

SMALLEST_WEIGHT = 1e-4
"""Components of a mixture that weigh less are left out."""


@dataclass(frozen=True)
class RateTable:
    r"""Mean and mean square of the relative rate of each gene, given the expected latent score.

    .. math:: E[\rho \mid m] = \sum_c P(c \mid m) \, E[\rho \mid c], \qquad
       P(c \mid m) = \Phi\Big(\frac{b_c - m}{\tau}\Big) - \Phi\Big(\frac{a_c - m}{\tau}\Big)

    where :math:`(a_c, b_c)` is the interval of scores of the count c and :math:`E[\rho \mid c]` its posterior mean
    under the mixture of rates of the gene. A score that knows nothing gives the mixture itself.
    """

    depths: NDArray[np.float64]  # log library sizes of the table, (n_depths,)
    first: NDArray[np.float32]  # means of \rho and \rho^2, (n_strata, n_depths, n_genes, n_scores) float32
    second: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        marginal: PoissonMixture,
        spread: NDArray[np.float32],
        totals: NDArray[np.float64],
        strata: NDArray[np.int64],
    ) -> Self:
        r"""Tabulate."""
        depths = np.quantile(np.log(totals), np.linspace(0.02, 0.98, N_DEPTHS))
        depths += 1e-3 * np.arange(N_DEPTHS)  # all cells may be equally deep
        shape = (*marginal.share.shape, len(SCORES))
        table = np.empty((2, shape[0], N_DEPTHS, *shape[1:]), dtype=np.float32)
        for stratum in range(shape[0]):
            weights = marginal.weights[stratum].astype(np.float64)
            if not (strata == stratum).any():
                table[:, stratum] = np.stack([weights @ GRID, weights @ GRID**2])[:, None, :, None]
                continue
            means = expected_counts(marginal, np.exp(depths), np.full(N_DEPTHS, stratum))
            for number in range(N_DEPTHS):
                table[:, stratum, number] = _moments(weights, means[number], spread.astype(np.float64))
        return cls(depths, table[0], table[1])

    def __call__(
        self, scores: NDArray[np.float32], totals: NDArray[np.float64], strata: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return mean and variance of the relative rates."""
        depth = np.interp(np.log(totals), self.depths, np.arange(N_DEPTHS))
        above = np.minimum(depth.astype(np.int64), N_DEPTHS - 2)
        at = np.clip((scores - SCORES[0]) / (SCORES[1] - SCORES[0]), 0, len(SCORES) - 1 - 1e-4).astype(np.float32)
        left = at.astype(np.int64)
        moments = np.zeros((2, *scores.shape), dtype=np.float32)
        for step, weight in ((0, 1 - (depth - above)), (1, depth - above)):
            # The same column of the flat table for both moments.
            start = ((strata * N_DEPTHS + above + step)[:, None] * scores.shape[1] + np.arange(scores.shape[1])) * len(
                SCORES
            )
            for shift, part in ((0, 1 - (at - left)), (1, at - left)):
                share = part * weight[:, None].astype(np.float32)
                moments[0] += share * self.first.ravel()[start + left + shift]
                moments[1] += share * self.second.ravel()[start + left + shift]
        return moments[0], np.maximum(moments[1] - np.square(moments[0]), 1e-6)


def expected_counts(
    marginal: PoissonMixture, totals: NDArray[np.float64], strata: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the counts of every gene at a relative rate of one, ``(n_cells, n_genes)``."""
    depth = marginal.depth.standardise(totals, strata)
    expected: NDArray[np.float64] = totals[:, None] * marginal.share[strata] * np.exp(marginal.slope[strata] * depth)
    return expected


def _moments(
    weights: NDArray[np.float64], means: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the two moments for all genes at one depth, (2, n_genes, n_scores)."""
    steps = _count_steps(weights, means)
    gene, component = np.nonzero(weights > SMALLEST_WEIGHT)
    rate = GRID[component]
    odds = SHAPE / (SHAPE + means[gene] * rate)
    # A component's distribution of counts is negative binomial: its probability up to each step.
    reached = special.betainc(SHAPE, steps[:, gene] + 1.0, odds)
    reached[-1] = 1.0
    inside = np.diff(reached, axis=0, prepend=0.0) * weights[gene, component]
    starts = np.flatnonzero(np.diff(gene, prepend=-1))
    mass, first, second = (np.add.reduceat(inside * rate**power, starts, axis=1) for power in range(3))
    edges = special.ndtri(np.clip(np.cumsum(mass, axis=0) / mass.sum(axis=0), 0, 1))
    below = special.ndtr((edges[:, :, None] - SCORES) / spread[:, None])
    below[-1] = 1.0
    chance = np.diff(below, axis=0, prepend=0.0) / np.maximum(mass, 1e-300)[:, :, None]
    chance[mass < 1e-12] = 0.0
    total = np.einsum("bgm,bg->gm", chance, mass)
    return np.stack([np.einsum("bgm,bg->gm", chance, moment) / total for moment in (first, second)])


def _count_steps(weights: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return counts from zero to beyond what a gene is likely to show, (n_steps, n_genes), finer at the low end."""
    highest = GRID[(np.cumsum(weights, axis=1) < 0.999).sum(axis=1).clip(max=len(GRID) - 1)] * means
    highest = highest + 4 * np.sqrt(highest + np.square(highest) / SHAPE) + 3
    steps: NDArray[np.float64] = np.rint(np.expm1(np.linspace(0, 1, N_STEPS)[:, None] * np.log1p(highest)))
    return steps


N_TERMS = 12
"""Counts that are summed one by one; those beyond are taken together at their mean."""


def predicted(alpha: NDArray[np.float32], beta: NDArray[np.float32], scale: NDArray[np.float32]) -> Moments:
    r"""Return mean and standard deviation of log1p CP10k of a new count.

    .. math:: c \sim \mathrm{Poisson}(\lambda), \; \lambda \sim \Gamma(\alpha, \beta): \quad
       E[\log(1 + s c)] = \sum_c \log(1 + s c) \, \frac{\Gamma(\alpha + c)}{\Gamma(\alpha) \, c!}
       \Big(\frac{\beta}{1 + \beta}\Big)^{\alpha} \Big(\frac{1}{1 + \beta}\Big)^{c}
    """
    chance = np.exp(-alpha * np.log1p(1 / beta))
    mass, counted = chance.copy(), np.zeros_like(chance)
    first, second = np.zeros_like(chance), np.zeros_like(chance)
    for count in range(1, N_TERMS + 1):
        chance *= (alpha + (count - 1)) / (count * (1 + beta))
        value = np.log1p(np.float32(count) * scale)
        mass += chance
        counted += np.float32(count) * chance
        first += value * chance
        second += np.square(value) * chance
    left = np.maximum(1 - mass, 0)
    beyond = np.maximum((alpha / beta - counted) / np.maximum(left, np.float32(1e-6)), N_TERMS + 1)
    # Counts beyond vary too: to second order, by the variance of all counts.
    spread = np.square(scale / (1 + beyond * scale)) * (alpha / beta) * (1 + 1 / beta)
    value = np.log1p(beyond * scale) - spread / 2
    mean = first + left * value
    variance = second + left * (np.square(value) + spread) - np.square(mean)
    return mean.astype(np.float32), np.sqrt(np.maximum(variance, 0)).astype(np.float32)


Output: TypeAlias = Literal["expected", "rate", "draw"]
"""Cells times genes that are imputed at a time."""

TINY = np.float32(1e-9)


@dataclass(frozen=True)
class PosteriorMeanConfig(ImputerConfig):
    """Settings of :class:`PosteriorMean`; the others are those of :class:`scgarage.models.garage.GarageConfig`.

    Attributes
    ----------
    n_factors, n_sweeps
        Shared factors, and Gibbs sweeps that fit them.
    output
        What is imputed: ``"expected"``, the mean of log1p CP10k over other measurements of the cell, equally deep;
        ``"rate"``, the posterior mean of the rate itself, on the same scale; ``"draw"``, one such measurement, which
        varies as much as real ones do and is the best guess of nothing.
    """

    n_factors: int = 20
    n_sweeps: int = 15
    output: Output = "expected"

    def __post_init__(self) -> None:
        if self.output not in get_args(Output):
            msg = f"output must be one of {', '.join(map(repr, get_args(Output)))}; found {self.output!r}"
            raise InputError(msg)


@dataclass(frozen=True)
class _CountCells:
    """Counts, CSR (n_cells, n_genes), with the library size and the stratum of each cell, (n_cells,)."""

    values: sparse.csr_matrix
    totals: NDArray[np.float64]
    strata: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> "_CountCells":
        return _CountCells(self.values[rows], self.totals[rows], self.strata[rows])

    def censor(self, marginal: PoissonMixture) -> Censored:
        """Return the intervals of the latent scores."""
        entries = self.values.tocoo()
        rows, columns = entries.row.astype(np.int64), entries.col.astype(np.int64)
        counts = entries.data.astype(np.float64)
        low, high = marginal.intervals(counts, self.totals[rows], self.strata[rows], columns)
        zero = marginal.zero_scores(slice(0, self.values.shape[1])).at(self.totals, self.strata)
        return Censored(zero, rows, columns, normal_score(low), normal_score(high))


class PosteriorMean(Imputer):
    r"""Expected rate of every gene given the cell's factors and its own count, under the default generator.

    .. math:: \hat x_{ij} = \log\Big(1 + 10^4 \, m_{sj} \, \frac{\alpha_{ij} + c_{ij}}{\beta_{ij} + L_i m_{sj}}\Big),
        \qquad \alpha = \frac{\mu^2}{v}, \; \beta = \frac{\mu}{v}

    with library size L, the mean share m of the gene in the cell's type and batch, and mean :math:`\mu` and variance
    :math:`v` of its relative rate given the cell's factors (:class:`RateTable`): a Gamma
    distribution with these moments, updated by the count. The marginals and the factors are those of
    :class:`scgarage.models.garage.Garage`, fitted on the imputed genes, without its adversarial stage; a cell's factors
    are the most likely ones (:func:`locate`). ``imputed_sd`` is the standard deviation of
    the posterior.

    Cell types that are not given are Leiden clusters. Counts are needed, or log-normalised values that counts can be
    recovered from.

    References
    ----------
    Wang et al., Gene expression distribution deconvolution in single-cell RNA sequencing, PNAS 2018,
    doi:10.1073/pnas.1721085115.
    Huang et al., SAVER: gene expression recovery for single-cell RNA sequencing, Nature Methods 2018,
    doi:10.1038/s41592-018-0033-z (a Gamma prior from other genes, updated by the count).
    """

    name: ClassVar[str] = "garage"
    Config: ClassVar[type[Any]] = PosteriorMeanConfig
    uses_labels: ClassVar[bool] = True
    needs_counts: ClassVar[bool] = True

    def learn(self, cells: Cells) -> dict[str, Any]:
        """Fit marginals and factors."""
        c, rng = self.config, np.random.default_rng(self.config.random_state)
        default = GarageConfig()
        self._conditions = Conditions.fit(cells, random_state=c.random_state)
        types, batches = self._conditions.codes(cells)
        n_batches = max(len(self._conditions.batches), 1)
        self._strata = Strata.of(types, batches, len(self._conditions.types), n_batches)
        seen = self._count_cells(cells)
        self._marginal = PoissonMixture.fit(
            seen.values.tocsc(),
            seen.totals,
            seen.strata,
            depth=Depth.fit(seen.totals, seen.strata, self._strata),
            prior_share=self._strata.expected_share(seen.values, seen.totals, seen.strata),
            mean_prior=default.mean_prior if n_batches == 1 else default.batch_prior,
            weight_prior=default.rate_prior,
        )
        censored = seen.censor(self._marginal)
        self._factors, _ = Factors.fit(
            censored, n_factors=c.n_factors, n_sweeps=c.n_sweeps, n_kept=1, ridge=default.ridge, rng=rng
        )
        _, uncertain = locate(censored, self._factors)
        spread = np.sqrt(np.square(self._factors.noise) + uncertain.mean(axis=0))
        self._table = RateTable.fit(self._marginal, spread, seen.totals, seen.strata)
        return {"types": list(self._conditions.types)}

    def _count_cells(self, cells: Cells) -> "_CountCells":
        types, batches = self._conditions.codes(cells)
        totals = np.maximum(np.asarray(cells.totals, dtype=np.float64), 1.0)
        return _CountCells(cells.required_counts(), totals, self._strata.code(types, batches))

    def fill(self, cells: Cells) -> Filled:
        """Return means (or draws) and standard deviations of the rates' posteriors."""
        seen, unit = self._count_cells(cells), cells.unit().astype(np.float32)[:, None]
        shape = seen.values.shape
        mean, sd = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
        rng = np.random.default_rng([self.config.random_state, 1])
        step = max(1, CHUNK // shape[1])
        for start in range(0, shape[0], step):
            rows = np.arange(start, min(start + step, shape[0]))
            mean[rows], sd[rows] = self._fill(seen.take(rows), unit[rows], rng)
        return Filled(mean, sd)

    def _fill(self, seen: _CountCells, scale: NDArray[np.float32], rng: np.random.Generator) -> Moments:
        factors, _ = locate(seen.censor(self._marginal), self._factors)
        expected, variance = self._table(factors @ self._factors.loadings.T, seen.totals, seen.strata)
        mean = expected_counts(self._marginal, seen.totals, seen.strata).astype(np.float32)
        alpha = np.square(expected) / variance + seen.values.toarray()
        # Of the expected count, not of the relative rate.
        beta = ((expected / variance + mean) / np.maximum(mean, TINY)).astype(np.float32)
        if self.config.output == "draw":
            counts = rng.poisson(rng.gamma(alpha) / beta)
            return np.log1p(scale * counts.astype(np.float32)), np.zeros_like(alpha)
        if self.config.output == "expected":
            return predicted(alpha, beta, scale)
        rate = scale * alpha / beta
        return np.log1p(rate), scale * np.sqrt(alpha) / beta / (1 + rate)  # the sd to first order
