"""A Gaussian copula by type, and the marginals that it and independent genes share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cholesky
from scipy.special import betainc, ndtr, ndtri, psi

from scgarage.errors import InputError
from scgarage.models.base import FitOptions, GenerativeModel, Learned, draw_by_type
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.garage.marginals import Hurdle
from scgarage.models.garage.rates import RateLaw, Structure
from scgarage.models.spec import Drawn, Wanted

PRIOR_CELLS = 5.0
"""Cells above zero that a gene's quantiles over all types are worth beside a type's own."""

Genes = slice | NDArray[np.int64]


@dataclass(frozen=True)
class HurdleMarginals:
    """What stands in for :class:`NegativeBinomialMarginals` where no counts are known; the same methods."""

    hurdle: Hurdle  # zero fractions and quantiles of the values above zero

    @classmethod
    def fit(cls, values: sparse.csr_matrix, labels: NDArray[np.int64], n_types: int) -> Self:
        """Estimate from log-normalised values, CSR (n_cells, n_genes), and type numbers, (n_cells,)."""
        unused = np.ones(len(labels))
        share = np.zeros((n_types, values.shape[1]))
        fitted = Hurdle.fit(values.tocsc(), unused, labels, prior_share=share, mean_prior=0.0, weight_prior=PRIOR_CELLS)
        return cls(fitted)

    def draw(self, labels: NDArray[np.int64], genes: Genes, rng: np.random.Generator) -> sparse.csr_matrix:
        """Draw values, genes independent of each other, (n_cells, n_genes chosen), for type numbers (n_cells,)."""
        zero = self.zero_level(labels, genes)
        levels = rng.random(zero.shape)
        cells, columns = np.nonzero(levels > zero)
        numbers = np.arange(self.hurdle.zero.shape[1])[genes][columns]
        drawn = self.quantiles(levels[cells, columns], labels[cells], numbers)
        return sparse.csr_matrix((drawn.astype(np.float32), (cells, columns)), shape=zero.shape)

    def zero_level(self, labels: NDArray[np.int64], genes: Genes) -> NDArray[np.float64]:
        """Return the probability of zero, (n_cells, n_genes chosen), for type numbers (n_cells,)."""
        return self.hurdle.zero_level(np.empty(0), labels, genes).astype(np.float64)

    def intervals(
        self, values: NDArray[np.float64], labels: NDArray[np.int64], genes: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the cumulative probabilities of single values above zero, twice; all arrays (n,)."""
        return self.hurdle.intervals(values, np.empty(0), labels, genes)

    def quantiles(
        self, levels: NDArray[np.float64], labels: NDArray[np.int64], genes: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the values at cumulative probabilities above the zero level; all arrays (n,)."""
        return self.hurdle.quantiles(levels, np.empty(0), labels, genes)


SMALLEST, LARGEST = 1e-4, 1e6
"""Range of the inverse dispersion; at the upper end the distribution is Poisson."""

N_BISECTIONS = 40


@dataclass(frozen=True)
class NegativeBinomialMarginals:
    r"""Counts of a gene in a type, whatever the library size.

    .. math:: c \sim \mathrm{NB}(\mu, \theta), \qquad E[c] = \mu, \quad \mathrm{Var}[c] = \mu + \mu^2 / \theta
    """

    mean: NDArray[np.float32]  # \mu, counts, (n_types, n_genes)
    dispersion: NDArray[np.float32]  # inverse dispersion \theta, (n_types, n_genes)

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
        from scipy.stats import nbinom

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
    r"""Normal scores :math:`z \sim N(0, R_t)` of the correlated genes of each type :math:`t`."""

    genes: NDArray[np.int64]  # numbers of the correlated genes, type after type, (n_entries,)
    # number of correlated genes of each type, (n_types,); 0 for a type whose genes are independent
    n_genes: NDArray[np.int64]
    factors: NDArray[np.float32]  # lower Cholesky factors of R_t, flat, type after type

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

    def weakened(self, strength: NDArray[np.float32]) -> Self:
        """Return the same with each gene's correlations times its strength, (n_genes,), from 0 to 1."""
        genes, correlations = [], []
        for number in range(len(self.n_genes)):
            own, factor = self.of_type(number)
            correlation = np.outer(strength[own], strength[own]) * (factor.astype(np.float64) @ factor.T)
            np.fill_diagonal(correlation, 1.0)
            genes.append(own)
            correlations.append(correlation)
        return type(self).join(genes, correlations)

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
    from sklearn.covariance import ledoit_wolf

    # Genes on one scale first: the target of the shrinkage is a multiple of the identity.
    covariance, _ = ledoit_wolf((scores - scores.mean(axis=0)) / scores.std(axis=0), assume_centered=True)
    spread = np.sqrt(np.diag(covariance))
    correlation: NDArray[np.float64] = covariance / np.outer(spread, spread)
    # With many more cells than genes nothing is shrunk; collinear genes would then have no Cholesky factor.
    return (1 - 1e-6) * correlation + 1e-6 * np.eye(len(correlation))


@dataclass(frozen=True)
class CopulaConfig:
    """Settings of :class:`Copula`.

    Attributes
    ----------
    n_top_genes
        Highly variable genes that may be correlated; the others are independent given the type (ours: a correlation
        matrix of every gene does not fit into memory).
    min_expressed
        Share of a type's cells that must express a gene for it to be correlated (scDesign2: 0.2).
    min_cells
        Types with fewer cells get independent genes (ours: below, the shrunk correlation is close to none anyway).
    max_cells
        Cells of a type that its correlation is estimated on at most.
    random_state
        Seed of the randomised scores.
    """

    n_top_genes: int | None = 2000
    min_expressed: float = 0.2
    min_cells: int = 30
    max_cells: int = 5000
    random_state: int = 0
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"published": {"n_top_genes": None}, "tuned": {}}

    def __post_init__(self) -> None:
        if not 0 <= self.min_expressed <= 1:
            msg = f"min_expressed is a share of cells and must lie in [0, 1]; found {self.min_expressed}"
            raise InputError(msg)
        if self.min_cells < 3:
            msg = f"min_cells must be at least 3, or there is no correlation; found {self.min_cells}"
            raise InputError(msg)


class Copula(GenerativeModel):
    """Negative binomial genes with the correlation of each type, without any network.

    After scDesign2: marginals by maximum likelihood for every gene and type, a Gaussian copula for the genes that
    enough cells express, independent draws for the others. Differences: all genes are negative binomial (scDesign2
    also tries Poisson and zero inflation), and the correlation is shrunk (Ledoit-Wolf), since most types have fewer
    cells than genes. Log-normalised values get the zero fraction and the quantiles of the type as marginals.

    References
    ----------
    Sun et al., scDesign2, Genome Biology 2021, doi:10.1186/s13059-021-02367-2.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.Copula(n_top_genes=100).fit(sg.datasets.pbmc68k(), labels_key="cell_type")
    >>> model.sample({"Dendritic": 5}).shape
    (5, 765)
    """

    name = "copula"
    Config: ClassVar[type[Any]] = CopulaConfig
    max_strength = 1.0

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:
        """Return the classes of the fitted parts."""
        marginals = NegativeBinomialMarginals if value_kind == "counts" else HurdleMarginals
        return {"marginals": marginals, "copula": GaussianCopula}

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> Learned:  # noqa: ARG002
        """Estimate marginals, then the correlation of each type."""
        rng = np.random.default_rng(self.config.random_state)
        marginals = self.parts_for(data.value_kind)["marginals"].fit(data.values, data.labels, len(data.types))
        genes, correlations = [], []
        for number in range(len(data.types)):
            rows = rng.permutation(np.flatnonzero(data.labels == number))
            chosen = self._correlated(data.values[rows], data.modelled)
            correlation = np.empty((0, 0))
            if len(chosen):
                own = data.values[np.sort(rows[: self.config.max_cells])][:, chosen]
                correlation = shrunk_correlation(normal_scores(own, number, chosen, marginals, rng))
            genes.append(chosen)
            correlations.append(correlation)
        self.parts = {"marginals": marginals, "copula": GaussianCopula.join(genes, correlations)}
        return Learned()

    def _correlated(self, values: sparse.csr_matrix, modelled: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the numbers of the genes to correlate in a type: none, or at least two."""
        expressed = np.asarray((values > 0).mean(axis=0)).ravel()
        chosen = np.flatnonzero(modelled & (expressed >= self.config.min_expressed) & (expressed > 0))
        enough = values.shape[0] >= self.config.min_cells and len(chosen) > 1
        return chosen if enough else np.empty(0, dtype=np.int64)

    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:  # noqa: ARG002
        """Draw each type by its copula and the genes outside it independently."""
        copula = self.parts["copula"]
        return draw_by_type(self, wanted, rng, lambda labels: self._cells(labels, copula, rng))

    def draw_rated(
        self,
        wanted: Wanted,
        generator: torch.Generator,  # noqa: ARG002
        rng: np.random.Generator,
        structure: Structure,
    ) -> tuple[Drawn, RateLaw]:
        """Draw cells as :meth:`draw` does, and say how their counts come from rates; every type is one cloud anyway."""
        copula = self.parts["copula"]
        if structure.strength is not None:
            copula = copula.weakened(structure.strength)
        drawn = draw_by_type(self, wanted, rng, lambda labels: self._cells(labels, copula, rng))
        marginals: NegativeBinomialMarginals = self.parts["marginals"]
        numbers = {name: number for number, name in enumerate(self.types)}
        strata = np.array([numbers[name] for name in drawn.labels] if drawn.labels is not None else [], dtype=np.int64)
        none = np.zeros(len(strata))
        law = RateLaw(
            strata=strata,
            totals=none + 1,
            depth=none,
            share=marginals.mean,
            slope=np.zeros_like(marginals.mean),
            weights=np.ones((*marginals.mean.shape, 1), dtype=np.float32),
            grid=np.ones(1),
            shape=marginals.dispersion,
            sizes=np.array([self.about["type_counts"][name] for name in self.types]),
        )
        return drawn, law

    def _cells(self, labels: NDArray[np.int64], copula: GaussianCopula, rng: np.random.Generator) -> sparse.csr_matrix:
        marginals = self.parts["marginals"]
        n_genes = len(self.modelled)
        rows, values = [], []
        for number in np.unique(labels):
            own = np.flatnonzero(labels == number)
            chosen = copula.of_type(number)[0]
            others = np.setdiff1d(np.arange(n_genes), chosen)
            joint = copula.draw(number, len(own), marginals, rng)
            both = sparse.hstack([joint, marginals.draw(labels[own], others, rng)], format="csr")
            rows.append(own)
            values.append(both[:, np.argsort(np.concatenate([chosen, others]))])
        return sparse.csr_matrix(sparse.vstack(values))[np.argsort(np.concatenate(rows))]
