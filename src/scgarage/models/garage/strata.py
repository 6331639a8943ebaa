"""Types by batches, and how expression within them changes with depth."""

from dataclasses import dataclass, field, replace
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

PRIOR_COUNTS = 5.0
"""Counts that a batch's ratio of one is worth."""

N_ROUNDS = 100
"""Rounds in which shares of types and ratios of batches are estimated in turns."""

NO_LEVELS = np.zeros((0, 1), dtype=np.int64)
NO_PARENT = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Strata:
    r"""Every type in every batch, whether seen together in training or not."""

    n_types: int  # numbers of types and of batches (1 without batches)
    n_batches: int
    sizes: NDArray[np.int64]  # training cells of each stratum, (n_strata,)
    # what the batches have in common: number of the value of each covariate, (n_batches, n_covariates); by default
    # there is one, which numbers the batches
    levels: NDArray[np.int64] = field(default_factory=NO_LEVELS.copy)
    # named type that each type here is a group of, (n_types,); by default each is its own
    parent: NDArray[np.int64] = field(default_factory=NO_PARENT.copy)

    def __post_init__(self) -> None:
        if not len(self.parent):
            object.__setattr__(self, "parent", np.arange(int(self.n_types)))
        if not len(self.levels):
            object.__setattr__(self, "levels", np.arange(int(self.n_batches))[:, None])
        for name in ("n_types", "n_batches"):  # files give back arrays
            object.__setattr__(self, name, int(np.asarray(getattr(self, name)).item()))

    @classmethod
    def of(
        cls,
        types: NDArray[np.int64],
        batches: NDArray[np.int64],
        n_types: int,
        n_batches: int,
        levels: NDArray[np.int64] = NO_LEVELS,
        parent: NDArray[np.int64] = NO_PARENT,
    ) -> Self:
        """Count training cells with the given type and batch numbers, both (n_cells,)."""
        codes = types * n_batches + batches
        return cls(n_types, n_batches, np.bincount(codes, minlength=n_types * n_batches), levels, parent)

    def code(self, types: NDArray[np.int64], batches: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of strata."""
        return types * self.n_batches + batches

    def split(self, codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return type and batch numbers of strata."""
        return codes // self.n_batches, codes % self.n_batches

    def expected_share(
        self, counts: sparse.csr_matrix, totals: NDArray[np.float64], codes: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        r"""Return what a stratum's mean shares would be if batches acted alike on all types, (n_strata, n_genes).

        .. math:: m_{tbj} \propto m_{tj} \, \frac{o_{bj} + a}{e_{bj} + a}

        with the type's share :math:`m_{tj}` where the batch's ratio is one, and the counts :math:`o` seen and :math:`e`
        expected, from the types' shares, in the batch. The two are found in turns: the mean of a type that was seen in
        one batch only holds that batch's effect. A batch without any cell, a new combination of covariates, has the
        product of what its values do elsewhere. With one batch it is the share over all types: a type borrows nothing
        from others but a trace, so that no gene is impossible.
        """
        if self.n_batches == 1:
            overall = np.asarray(counts.sum(axis=0)).ravel() / totals.sum()
            return np.repeat(overall[None], self.n_types, axis=0)
        types, batches = self.split(codes)
        by_type, _ = _sums(counts, totals, types, self.n_types)
        seen, _ = _sums(counts, totals, batches, self.n_batches)
        depth = np.bincount(codes, weights=totals, minlength=len(self.sizes)).reshape(self.n_types, self.n_batches)
        ratio = np.ones_like(seen)
        for _ in range(N_ROUNDS):
            share = by_type / np.maximum(depth @ ratio, 1e-12)
            ratio = (seen + PRIOR_COUNTS) / (depth.T @ share + PRIOR_COUNTS)
        ratio = np.exp(self._with_unseen(np.log(ratio), depth.sum(axis=0) > 0))
        result = share[:, None, :] * ratio[None]
        result /= result.sum(axis=2, keepdims=True)
        flat: NDArray[np.float64] = result.reshape(-1, counts.shape[1])
        return flat

    def expected_means(self, points: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the mean of each stratum, (n_strata, n_dims); of one never seen, what type and batch let expect."""
        n_strata = len(self.sizes)
        sizes = np.bincount(codes, minlength=n_strata)
        sums = np.zeros((n_strata, points.shape[1]))
        np.add.at(sums, codes, points)
        types, batches = self.split(np.arange(n_strata))
        offset = np.zeros((self.n_batches, points.shape[1]))
        for _ in range(N_ROUNDS if self.n_batches > 1 else 1):
            by_type = _group_means(sums - sizes[:, None] * offset[batches], sizes, types, self.n_types)
            offset = _group_means(sums - sizes[:, None] * by_type[types], sizes, batches, self.n_batches)
        offset = self._with_unseen(offset, np.bincount(batches, weights=sizes, minlength=self.n_batches) > 0)
        by_type[np.bincount(types, weights=sizes) == 0] = points.mean(axis=0)
        expected = by_type[types] + offset[batches]
        return np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], expected)

    def _with_unseen(self, effects: NDArray[np.float64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Give batches without cells the sum of what their values do in the others, (n_batches, n)."""
        if seen.all():
            return effects
        columns = [np.eye(column.max() + 1)[column] for column in self.levels.T]
        design = np.concatenate([np.ones((self.n_batches, 1)), *columns], axis=1)
        # Of the many solutions the smallest: a value that was never seen does nothing.
        coefficients = np.linalg.lstsq(design[seen], effects[seen], rcond=None)[0]
        result: NDArray[np.float64] = np.where(seen[:, None], effects, design @ coefficients)
        return result


def _sums(
    counts: sparse.csr_matrix, totals: NDArray[np.float64], groups: NDArray[np.int64], n_groups: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum counts and library sizes by group."""
    members = sparse.csr_matrix((np.ones(len(groups)), (groups, np.arange(len(groups)))), shape=(n_groups, len(groups)))
    sums = np.asarray((members @ counts).todense(), dtype=np.float64)
    return sums, np.bincount(groups, weights=totals, minlength=n_groups).astype(np.float64)


def _group_means(
    sums: NDArray[np.float64], sizes: NDArray[np.int64], groups: NDArray[np.int64], n_groups: int
) -> NDArray[np.float64]:
    """Return the mean of each group of strata, (n_groups, n_dims); zeros where a group has no cells."""
    totals = np.zeros((n_groups, sums.shape[1]))
    np.add.at(totals, groups, sums)
    result: NDArray[np.float64] = (
        totals / np.maximum(np.bincount(groups, weights=sizes, minlength=n_groups), 1)[:, None]
    )
    return result


POOLED_CELLS = 20.0
"""Cells that the spread over all strata is worth beside a stratum's own."""

SMALLEST_KEPT = 0.25
"""Smallest share of the variance of the log library sizes that cells are drawn with."""

FARTHEST = 3.0
"""Standard deviations that a cell lies away at most, as far as its genes are concerned."""


@dataclass(frozen=True)
class Depth:
    r"""Standardised log library sizes: what a cell expresses often goes with how much of it was caught.

    Counts that are drawn around their expectation do not add up to the library size that they were drawn for. So cells
    are drawn for a size a little nearer to the centre of their stratum, by as much as the noise of the sum asks for:

    .. math:: \log L' = \mu_s + k_s (\log L - \mu_s) - b_s, \qquad k_s^2 = 1 - v_s / \sigma_s^2

    with the bias :math:`b` and the variance :math:`v` of the log sums about the log library sizes.
    """

    centre: NDArray[np.float64]  # mean and standard deviation of the log library size of each stratum, (n_strata,)
    spread: NDArray[np.float64]
    kept: NDArray[np.float64]  # k and b of each stratum, (n_strata,)
    bias: NDArray[np.float64]

    @classmethod
    def fit(cls, totals: NDArray[np.float64], codes: NDArray[np.int64], strata: Strata) -> Self:
        """Estimate from the library sizes and strata of the training cells, both (n_cells,)."""
        logs = np.log(totals)
        centre = strata.expected_means(logs[:, None], codes)[:, 0]
        squares = (logs - centre[codes]) ** 2
        sizes = np.bincount(codes, minlength=len(centre))
        variance = _pooled(squares, codes, sizes)
        return cls(centre, np.sqrt(np.maximum(variance, 1e-6)), np.ones_like(centre), np.zeros_like(centre))

    def calibrated(self, totals: NDArray[np.float64], made: NDArray[np.float64], codes: NDArray[np.int64]) -> Self:
        """Return the same with the sums ``made`` of cells drawn for the library sizes ``totals`` taken into account."""
        away = np.log(np.maximum(made, 1.0)) - np.log(totals)
        sizes = np.bincount(codes, minlength=len(self.centre))
        bias = np.bincount(codes, weights=away, minlength=len(sizes)) / (sizes + 1.0)
        noise = _pooled((away - bias[codes]) ** 2, codes, sizes)
        kept = np.sqrt(np.maximum(1 - noise / self.spread**2, SMALLEST_KEPT))
        return replace(self, kept=kept, bias=bias)

    def aimed_at(self, totals: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the library sizes for which to draw, so that the sums are distributed like ``totals``."""
        centre = self.centre[codes]
        sizes: NDArray[np.float64] = np.exp(centre + self.kept[codes] * (np.log(totals) - centre) - self.bias[codes])
        return sizes

    def standardise(self, totals: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return how deep cells are among those of their strata, (n_cells, 1)."""
        scores = (np.log(totals) - self.centre[codes]) / self.spread[codes]
        return np.clip(scores, -FARTHEST, FARTHEST).astype(np.float32)[:, None]


def _pooled(values: NDArray[np.float64], codes: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return means by stratum, drawn to the mean over all cells."""
    own = np.bincount(codes, weights=values, minlength=len(sizes))
    result: NDArray[np.float64] = (own + POOLED_CELLS * values.mean()) / (sizes + POOLED_CELLS)
    return result


SLOPES: NDArray[np.float64] = np.linspace(-1.5, 1.5, 61)
"""Slopes that are tabulated; none lies outside."""

PRIOR_VARIANCE = 0.1
"""Variance of the slopes' prior about zero."""

Table: TypeAlias = NDArray[np.float64]


def fit_slopes(
    counts: sparse.csc_matrix, totals: NDArray[np.float64], codes: NDArray[np.int64], depth: Depth
) -> tuple[Table, Table]:
    r"""Return slopes, and the counts that cells could have given had the share been one, both (n_strata, n_genes).

    .. math:: E[c_{ij}] = L_i \, m_{sj} \, e^{\beta_{sj} x_i}, \qquad
       \frac{\sum_i c_{ij} x_i}{\sum_i c_{ij}} = \frac{\sum_i L_i e^{\beta x_i} x_i}{\sum_i L_i e^{\beta x_i}}

    with the standardised log library size :math:`x`. The second equation is the likelihood equation of a Poisson
    regression. Its right side is the same function of the slope for all genes of a stratum, so it is tabulated once and
    read backwards. Slopes are drawn to zero by a normal prior; the evidence is the number of cells with a count, not of
    counts, which vary more than a Poisson distribution says.

    Shares that do not change with depth are the exception: clusters often hold states, or kinds of damage, that differ
    in how many counts a cell gives.
    """
    x = depth.standardise(totals, codes)[:, 0].astype(np.float64)
    shape = len(depth.centre), counts.shape[1]
    slopes, exposure = np.zeros(shape), np.ones(shape)
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        here = sparse.csr_matrix(counts[rows])
        weights = totals[rows, None] * np.exp(x[rows, None] * SLOPES)
        sums = weights.sum(axis=0)
        tilted = (weights * x[rows, None]).sum(axis=0) / sums
        spread = (weights * x[rows, None] ** 2).sum(axis=0) / sums - tilted**2
        total = np.asarray(here.sum(axis=0)).ravel()
        evidence = np.asarray((here > 0).sum(axis=0)).ravel() * np.interp(0.0, SLOPES, spread)
        if np.interp(0.0, SLOPES, spread) > 1e-6:
            found = np.interp((here.T @ x[rows]) / np.maximum(total, 1e-12), tilted, SLOPES)
            slopes[code] = np.where(total > 0, found * evidence / (evidence + 1 / PRIOR_VARIANCE), 0.0)
        exposure[code] = np.interp(slopes[code], SLOPES, sums)
    return slopes, exposure


SHAPES: NDArray[np.float64] = np.array([1e6, 100.0, 30.0, 10.0, 3.0, 1.0])
"""Shapes of the Gamma distributions with which a gene's share in the groups of a type may vary about the type's own."""


def drawn_to_types(
    share: Table,
    exposure: Table,
    counts: sparse.csr_matrix,
    totals: NDArray[np.float64],
    codes: NDArray[np.int64],
    parent: NDArray[np.int64],
) -> Table:
    r"""Return the shares of groups within types, drawn to those of the types; all tables (n_groups, n_genes).

    .. math:: m_{gj} = m_{tj} \rho_{gj}, \qquad \rho_{gj} \sim \sum_k \pi_{gk} \, \mathrm{Gamma}(a_k, a_k)

    with the shapes :data:`SHAPES`; counts that vary more than a Poisson distribution says are worth as much less. How
    many genes differ how much, :math:`\pi`, is estimated for each group over all genes (empirical Bayes), so that a
    group of few cells says little, and nothing where its type is one cloud.
    """
    members = sparse.csr_matrix((np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(len(share), len(codes)))
    sums = share * exposure
    square = np.asarray((members @ counts.multiply(counts).tocsr()).todense(), dtype=np.float64)
    cross = np.asarray((members @ sparse.diags_array(totals) @ counts).todense(), dtype=np.float64)
    depth = np.bincount(codes, weights=totals**2, minlength=len(share))[:, None]
    residual = square - 2 * share * cross + share**2 * depth
    result = share.copy()
    for kind in np.flatnonzero(np.bincount(parent) > 1):
        groups = np.flatnonzero(parent == kind)
        seen = sums[groups].sum(axis=0) > 0
        mine, could = sums[np.ix_(groups, seen)], exposure[np.ix_(groups, seen)]
        wider = np.maximum(residual[np.ix_(groups, seen)].sum(axis=0) / mine.sum(axis=0), 1.0)
        common = mine.sum(axis=0) / could.sum(axis=0)
        ratio = np.stack([_ratio(one / wider, most * common / wider) for one, most in zip(mine, could, strict=True)])
        found = common * ratio
        result[np.ix_(groups, seen)] = found * mine.sum(axis=0) / (found * could).sum(axis=0)
    return result


def _ratio(seen: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the posterior means of the ratios of one group, (n_genes,)."""
    shape = SHAPES[:, None]
    log_density = special.gammaln(shape + seen) - special.gammaln(shape) + shape * np.log(shape / (shape + expected))
    log_density += seen * np.log(expected / (shape + expected))
    density = np.exp(log_density - log_density.max(axis=0))
    shares = np.full(len(SHAPES), 1 / len(SHAPES))
    for _ in range(N_ROUNDS):
        posterior = shares[:, None] * density
        posterior /= posterior.sum(axis=0)
        shares = posterior.mean(axis=1)
    result: NDArray[np.float64] = (posterior * (shape + seen) / (shape + expected)).sum(axis=0)
    return result
