"""Strata: the groups of cells, type by batch, that have their own means, rates and latent distribution."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["Strata"]

PRIOR_COUNTS = 5.0
"""Counts that a batch's ratio of one is worth."""


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
    """

    n_types: int
    n_batches: int
    sizes: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in ("n_types", "n_batches"):  # files give back arrays
            object.__setattr__(self, name, int(np.asarray(getattr(self, name)).item()))

    @classmethod
    def of(cls, types: NDArray[np.int64], batches: NDArray[np.int64], n_types: int, n_batches: int) -> Self:
        """Count training cells with the given type and batch numbers, both (n_cells,)."""
        codes = types * n_batches + batches
        return cls(n_types, n_batches, np.bincount(codes, minlength=n_types * n_batches))

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

        with the type's share :math:`m_{tj}` over all batches, and the counts :math:`o` seen and :math:`e` expected,
        from the types' shares, in the batch. With one batch it is the share over all types: a type borrows nothing from
        others but a trace, so that no gene is impossible.
        """
        if self.n_batches == 1:
            overall = np.asarray(counts.sum(axis=0)).ravel() / totals.sum()
            return np.repeat(overall[None], self.n_types, axis=0)
        types, batches = self.split(codes)
        by_type, depth = _sums(counts, totals, types, self.n_types)
        share = by_type / np.maximum(depth, 1.0)[:, None]
        seen, _ = _sums(counts, totals, batches, self.n_batches)
        depth_tb = np.bincount(codes, weights=totals, minlength=len(self.sizes)).reshape(self.n_types, self.n_batches)
        ratio = (seen + PRIOR_COUNTS) / (depth_tb.T @ share + PRIOR_COUNTS)
        result = share[:, None, :] * ratio[None]
        result /= result.sum(axis=2, keepdims=True)
        flat: NDArray[np.float64] = result.reshape(-1, counts.shape[1])
        return flat


def _sums(
    counts: sparse.csr_matrix, totals: NDArray[np.float64], groups: NDArray[np.int64], n_groups: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum counts and library sizes by group."""
    members = sparse.csr_matrix((np.ones(len(groups)), (groups, np.arange(len(groups)))), shape=(n_groups, len(groups)))
    sums = np.asarray((members @ counts).todense(), dtype=np.float64)
    return sums, np.bincount(groups, weights=totals, minlength=n_groups).astype(np.float64)
