"""The rates behind counts that were drawn: how likely each is, and counts at other rates."""

from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from scgarage.models.garage.compiled import compiled, in_parallel, pieces
from scgarage.models.garage.mixture import SHAPE, no_count
from scgarage.models.spec import Drawn, Wanted

BLOCK = 1_000_000
"""Cells times genes that are worked on at a time; each block has its own stream of random numbers."""

FEW = 0.2
"""Expected number of further counts below which it pays to ask first whether there is any."""


@dataclass(frozen=True)
class Structure:
    """How cells shall go together, other than as they were fitted; marginals stay what they are."""

    homogeneous: bool = False  # whether each type is one Gaussian cloud among the factors, without groups in it
    # by how much the loadings of each gene count more or less, (n_genes,); 0 makes genes independent
    strength: NDArray[np.float32] | None = None


@runtime_checkable
class DrawsRates(Protocol):
    """A model that knows which rates may lie behind the counts that it draws."""

    parts: dict[str, Any]
    max_strength: float

    def draw_rated(
        self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator, structure: Structure
    ) -> "tuple[Drawn, RateLaw]":
        """Draw cells as ``draw`` does, and say how their counts come from rates."""
        ...


@dataclass(frozen=True)
class RateLaw:
    r"""Counts as Poisson draws around rates with a mixture of Gamma distributions.

    .. math:: c_{ij} \sim \mathrm{Poisson}(\lambda_{ij}), \qquad \lambda_{ij} \sim \sum_k w_{sjk} \,
       \mathrm{Gamma}\left(a_{sj}, \frac{E_{ij} g_k}{a_{sj}}\right), \qquad E_{ij} = L_i m_{sj} e^{\beta_{sj} x_i}

    A negative binomial is the case of one component. Given a count its rate is drawn from the mixture's posterior, so
    that rates and counts are distributed together as above, whatever makes the counts go together. At :math:`f` times
    the rate a count is then thinned (:math:`f < 1`) or gets further counts, :math:`\mathrm{Poisson}((f - 1) \lambda)`,
    and is distributed as one that was drawn at the other rate; where :math:`f = 1` it stays.
    """

    strata: NDArray[np.int64]  # s of each cell, (n_cells,)
    totals: NDArray[np.float64]  # L of each cell, (n_cells,)
    depth: NDArray[np.float64]  # x of each cell, (n_cells,)
    share: NDArray[np.float32]  # m, (n_strata, n_genes)
    slope: NDArray[np.float32]  # \beta, (n_strata, n_genes)
    weights: NDArray[np.float32]  # w, (n_strata, n_genes, n_components)
    grid: NDArray[np.float64]  # g, (n_components,)
    shape: NDArray[np.float32]  # a, (n_strata, n_genes)
    sizes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # training cells of strata

    def take(self, rows: NDArray[np.int64]) -> "RateLaw":
        """Return the law of some of the cells."""
        return replace(self, strata=self.strata[rows], totals=self.totals[rows], depth=self.depth[rows])

    def at(
        self,
        counts: sparse.csr_matrix,
        log_factors: NDArray[np.float32],
        classes: NDArray[np.int64],
        log_scale: NDArray[np.float64],
        rng: np.random.Generator,
        *,
        expected: bool = False,
        slopes: NDArray[np.float32] | None = None,
        paths: NDArray[np.int64] | None = None,
        time: NDArray[np.float64] | None = None,
    ) -> tuple[sparse.csr_matrix, NDArray[np.float32] | None]:
        r"""Return the counts at other rates, and these rates where ``expected`` are asked for.

        .. math:: \log f_{ij} = a_{k(i) j} + b_{p(i) j} t_i + u_i

        Parameters
        ----------
        counts
            Counts as they were drawn, CSR ``(n_cells, n_genes)``.
        log_factors
            Logarithms :math:`a` by class of cells, ``(n_classes, n_genes)``.
        classes
            Class of each cell, ``(n_cells,)``.
        log_scale
            Logarithm :math:`u` of a factor for all genes of a cell, ``(n_cells,)``.
        rng
            Random numbers.
        expected
            Whether to return the rates, ``(n_cells, n_genes)`` and dense.
        slopes, paths, time
            Slopes :math:`b` by path, ``(n_paths, n_genes)``, the path :math:`p` of each cell and its time :math:`t` on
            it, ``(n_cells,)`` both; -1 for cells on no path.
        """
        n_cells, n_genes = counts.shape
        counts = counts.sorted_indices()
        rates = np.zeros((n_cells, n_genes), dtype=np.float32) if expected else None
        parts = pieces(n_cells, n_genes, BLOCK)
        streams = rng.spawn(len(parts))
        slopes = np.zeros((1, 1), dtype=np.float32) if slopes is None else slopes
        paths = np.full(n_cells, -1) if paths is None else paths
        time = np.zeros(n_cells) if time is None else time
        mean = self.weights @ self.grid

        def some(number: int) -> sparse.csr_matrix:
            rows = parts[number]
            own = counts[rows]
            made = own.toarray().astype(np.float32)
            shown = np.empty((0, 0), dtype=np.float32) if rates is None else rates[rows]
            _change(
                made, shown, self.strata[rows], self.totals[rows], self.depth[rows], self.share, self.slope,
                self.weights, self.grid, self.shape, mean, log_factors, classes[rows], log_scale[rows], slopes,
                paths[rows], time[rows], streams[number],
            )  # fmt: skip
            return sparse.csr_matrix(made)

        made = in_parallel(some, range(len(parts)))
        return sparse.csr_matrix(sparse.vstack(made, format="csr", dtype=np.float32)), rates


@compiled
def _posterior(
    count: float, expected: float, shape: float, weights: NDArray[np.float32], grid: NDArray[np.float64],
    terms: NDArray[np.float64],
) -> float:  # fmt: skip
    """Fill in each component's weight given a count, up to a factor; return their sum."""
    total = 0.0
    if count == 0:
        for k in range(len(grid)):
            mean = expected * grid[k]
            none = no_count(mean) if shape == SHAPE else np.exp(-shape * np.log1p(mean / shape))
            terms[k] = weights[k] * none
            total += terms[k]
        return total
    best = -np.inf
    for k in range(len(grid)):
        mean = expected * grid[k]
        terms[k] = -np.inf
        if mean > 0 and weights[k] > 0:
            terms[k] = count * np.log(grid[k]) - (count + shape) * np.log(shape + mean)
            best = max(best, terms[k])
    for k in range(len(grid)):
        # A count that no component can give has the highest of them behind it.
        if best > -np.inf:
            terms[k] = weights[k] * np.exp(terms[k] - best) if terms[k] > best - 60.0 else 0.0
        else:
            terms[k] = 1.0 if k == len(grid) - 1 else 0.0
        total += terms[k]
    return total


@compiled
def _draw_rate(
    count: float, expected: float, shape: float, weights: NDArray[np.float32], grid: NDArray[np.float64],
    terms: NDArray[np.float64], rng: np.random.Generator,
) -> float:  # fmt: skip
    """Draw the rate behind a count."""
    chosen = 0
    if len(grid) > 1:
        left = rng.random() * _posterior(count, expected, shape, weights, grid, terms)
        while chosen < len(grid) - 1 and left >= terms[chosen]:
            left -= terms[chosen]
            chosen += 1
    mean = expected * grid[chosen]
    rate: float = mean / (shape + mean) * rng.standard_gamma(shape + count)
    return rate


@compiled
def _more_than_none(
    expected: float, factor: float, least: float, shape: float, weights: NDArray[np.float32],
    grid: NDArray[np.float64], terms: NDArray[np.float64], rng: np.random.Generator,
) -> int:  # fmt: skip
    """Draw the further counts beside none, given that they are not among the ``least`` share that surely is none."""
    none = _posterior(0.0, factor * expected, shape, weights, grid, terms)
    none /= _posterior(0.0, expected, shape, weights, grid, terms)
    for _ in range(1000):
        further = rng.poisson((factor - 1) * _draw_rate(0.0, expected, shape, weights, grid, terms, rng))
        if further > 0 or rng.random() * none >= least:
            return further
    return 0


@compiled
def _change(
    counts: NDArray[np.float32],
    rates: NDArray[np.float32],
    strata: NDArray[np.int64],
    totals: NDArray[np.float64],
    depth: NDArray[np.float64],
    share: NDArray[np.float32],
    slope: NDArray[np.float32],
    weights: NDArray[np.float32],
    grid: NDArray[np.float64],
    shapes: NDArray[np.float32],
    mean: NDArray[np.float64],
    log_factors: NDArray[np.float32],
    classes: NDArray[np.int64],
    log_scale: NDArray[np.float64],
    slopes: NDArray[np.float32],
    paths: NDArray[np.int64],
    time: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Replace counts by those at other rates, and fill in these rates where there is room for them."""
    terms, wanted = np.empty(len(grid)), rates.shape[0] > 0
    for i in range(counts.shape[0]):
        s, k = strata[i], classes[i]
        for j in range(counts.shape[1]):
            log_factor = log_factors[k, j] + log_scale[i]
            if paths[i] >= 0:
                log_factor += slopes[paths[i], j] * time[i]
            count = counts[i, j]
            factor = 1.0
            if log_factor != 0.0:
                factor = np.exp(log_factor)
            rate = 0.0
            if wanted or factor > 1:
                expected = totals[i] * share[s, j] * np.exp(slope[s, j] * depth[i])
                few = (factor - 1) * expected * mean[s, j]
                if count == 0 and few < FEW and not wanted:
                    # By Jensen's inequality no further count is at least as likely as with the mean rate, which is not
                    # higher given no count: this decides most entries at once.
                    least = np.exp(-few)
                    if rng.random() >= least:
                        counts[i, j] = _more_than_none(
                            expected, factor, least, shapes[s, j], weights[s, j], grid, terms, rng
                        )
                    continue
                if expected > 0:
                    rate = _draw_rate(count, expected, shapes[s, j], weights[s, j], grid, terms, rng)
            if factor > 1:
                counts[i, j] = count + rng.poisson((factor - 1) * rate)
            elif factor < 1 and count > 0:
                counts[i, j] = rng.binomial(np.int64(count), factor)
            if wanted:
                rates[i, j] = factor * rate
