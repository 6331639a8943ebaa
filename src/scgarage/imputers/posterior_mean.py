"""The default model's own posterior mean."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from scgarage.errors import InputError
from scgarage.imputers.base import Filled, Imputer, ImputerConfig
from scgarage.imputers.cells import Cells
from scgarage.imputers.conditions import Conditions
from scgarage.imputers.positions import Moments, locate
from scgarage.imputers.predictive import predicted
from scgarage.imputers.rate_table import RateTable, expected_counts
from scgarage.models.garage import GarageConfig
from scgarage.models.garage.censored import FAR, Censored, normal_score
from scgarage.models.garage.depth import Depth
from scgarage.models.garage.factors import Factors
from scgarage.models.garage.poisson_mixture import PoissonMixture
from scgarage.models.garage.strata import Strata

__all__ = ["PosteriorMean", "PosteriorMeanConfig"]

Output: TypeAlias = Literal["expected", "rate", "draw"]

CHUNK = 4_000_000
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
        edges = marginal.intervals(counts, self.totals[rows], self.strata[rows], columns)
        low, high = (np.clip(special.ndtri(np.clip(edge, 0, 1)), -FAR, FAR) for edge in edges)
        zero = marginal.zero_level(self.totals, self.strata, slice(0, self.values.shape[1]))
        return Censored(normal_score(zero).astype(np.float32), rows, columns, low, high)


class PosteriorMean(Imputer):
    r"""Expected rate of every gene given the cell's factors and its own count, under the default generator.

    .. math:: \hat x_{ij} = \log\Big(1 + 10^4 \, m_{sj} \, \frac{\alpha_{ij} + c_{ij}}{\beta_{ij} + L_i m_{sj}}\Big),
        \qquad \alpha = \frac{\mu^2}{v}, \; \beta = \frac{\mu}{v}

    with library size L, the mean share m of the gene in the cell's type and batch, and mean :math:`\mu` and variance
    :math:`v` of its relative rate given the cell's factors (:class:`~scgarage.imputers.rate_table.RateTable`): a Gamma
    distribution with these moments, updated by the count. The marginals and the factors are those of
    :class:`scgarage.models.garage.Garage`, fitted on the imputed genes, without its adversarial stage; a cell's factors
    are the most likely ones (:func:`~scgarage.imputers.positions.locate`). ``imputed_sd`` is the standard deviation of
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
