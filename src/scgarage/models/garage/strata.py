"""Strata: the groups of cells, type by batch, that have their own means, rates and latent distribution."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["NO_PARENT", "Strata"]

PRIOR_COUNTS = 5.0
"""Counts that a batch's ratio of one is worth."""

N_ROUNDS = 100
"""Rounds in which shares of types and ratios of batches are estimated in turns."""

NO_LEVELS = np.zeros((0, 1), dtype=np.int64)
NO_PARENT = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Strata:
    r"""Every type in every batch, whether seen together in training or not.

    Stratum ``t * n_batches + b`` is type ``t`` in batch ``b``.

    Attributes
    ----------
    n_types, n_batches
        Numbers of types and of batches (1 without batches).
    sizes
        Training cells of each stratum, (n_strata,).
    levels
        What the batches have in common: number of the value of each covariate, (n_batches, n_covariates); by default
        there is one, which numbers the batches.
    parent
        Named type that each type here is a group of, (n_types,); by default each is its own.
    """

    n_types: int
    n_batches: int
    sizes: NDArray[np.int64]
    levels: NDArray[np.int64] = field(default_factory=NO_LEVELS.copy)
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
        """Return the mean of each stratum, (n_strata, n_dims); of one never seen, what type and batch let expect.

        Parameters
        ----------
        points
            Values of the training cells, (n_cells, n_dims).
        codes
            Stratum of each cell, (n_cells,).
        """
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
