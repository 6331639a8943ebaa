"""Low-rank approximation with zeros kept, after ALRA."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.imputers.base import Filled, Imputer, ImputerConfig
from scgarage.imputers.cells import Cells

__all__ = ["LowRank", "LowRankConfig", "choose_rank"]


@dataclass(frozen=True)
class LowRankConfig(ImputerConfig):
    """Settings of :class:`LowRank`.

    Attributes
    ----------
    rank
        Rank of the approximation; chosen from the singular values when ``None``.
    n_singular_values
        Singular values to choose the rank from (ALRA: 100).
    quantile
        Quantile of a gene's approximated values whose size is the threshold below which they are zero (ALRA: 0.001).
    """

    rank: int | None = None
    n_singular_values: int = 100
    quantile: float = 0.001


def choose_rank(singular_values: NDArray[np.floating], *, n_noise: int = 20, n_sd: float = 6.0) -> int:
    r"""Return the last gap between singular values that noise does not explain.

    The gaps :math:`s_i - s_{i+1}` of the last ``n_noise`` values are taken for noise; the rank is the largest i whose
    gap exceeds their mean by ``n_sd`` standard deviations.

    Parameters
    ----------
    singular_values
        In falling order, shape ``(n_values,)``.
    n_noise
        Number of gaps at the end that are noise; at most half of them.
    n_sd
        Standard deviations.

    Returns
    -------
    Rank, at least 1.

    References
    ----------
    Linderman et al., Zero-preserving imputation of single-cell RNA-seq data, Nature Communications 2022,
    doi:10.1038/s41467-021-27729-z.

    Examples
    --------
    >>> choose_rank(np.array([90.0, 80.0, 9.0, 8.9, 8.81, 8.7, 8.6, 8.49, 8.4]))
    2
    """
    gaps = -np.diff(singular_values)
    noise = gaps[-min(n_noise, max(1, len(gaps) // 2)) :]
    signal = np.flatnonzero(gaps > noise.mean() + n_sd * noise.std()) if len(gaps) else np.empty(0, dtype=np.int64)
    return int(signal[-1]) + 1 if len(signal) else 1


class LowRank(Imputer):
    """Low-rank approximation of log1p CP10k in which genes that a cell does not express stay zero.

    The approximation is symmetric round zero where nothing is expressed, so the size of a gene's most negative values
    is a threshold: what lies below it becomes zero. What remains is scaled to the mean and the standard deviation of
    the gene's observed values. Thresholds, means and axes are those of the cells of the fit.

    References
    ----------
    Linderman et al., Zero-preserving imputation of single-cell RNA-seq data, Nature Communications 2022,
    doi:10.1038/s41467-021-27729-z.
    """

    name: ClassVar[str] = "alra"
    Config: ClassVar[type[Any]] = LowRankConfig

    def learn(self, cells: Cells) -> dict[str, Any]:
        """Find the axes, and threshold and scale of each gene."""
        from scipy.sparse.linalg import svds

        c, values = self.config, cells.log_expr.astype(np.float64)
        smallest = min(values.shape)
        start = np.random.default_rng(c.random_state).normal(size=smallest)
        _, strength, axes = svds(values, k=min(c.n_singular_values, smallest - 1), v0=start)
        order = np.argsort(-strength)
        rank = c.rank or choose_rank(strength[order])
        self._axes = axes[order[:rank]]
        approximation = self._approximate(cells.log_expr)
        self._threshold = np.abs(np.quantile(approximation, c.quantile, axis=0))
        kept = np.where(approximation > self._threshold, approximation, np.nan)
        mean, sd = _moments(kept)
        observed_mean, observed_sd = _moments_of_stored(cells.log_expr)
        usable = (sd > 0) & (observed_sd > 0)
        self._slope = np.where(usable, observed_sd / np.where(usable, sd, 1), 1.0)
        self._shift = np.where(usable, observed_mean - mean * self._slope, 0.0)
        return {"rank": int(rank)}

    def _approximate(self, log_expr: sparse.csr_matrix) -> NDArray[np.float64]:
        return np.asarray((log_expr @ self._axes.T) @ self._axes)

    def fill(self, cells: Cells) -> Filled:
        """Project, cut, scale."""
        values = self._approximate(cells.log_expr)
        scaled = np.where(values > self._threshold, values * self._slope + self._shift, 0.0)
        return Filled(np.maximum(scaled, 0.0).astype(np.float32))


def _moments(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each column without NaN; 0 where there is nothing."""
    here = ~np.isnan(values)
    n_here = np.maximum(here.sum(axis=0), 1)
    mean = np.where(here, values, 0.0).sum(axis=0) / n_here
    sd = np.sqrt(np.where(here, np.square(values - mean), 0.0).sum(axis=0) / n_here)
    return mean, sd


def _moments_of_stored(values: sparse.csr_matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each column's non-zero entries."""
    n_genes, data = values.shape[1], values.data.astype(np.float64)
    n_stored = np.maximum(np.bincount(values.indices, minlength=n_genes), 1)
    mean = np.bincount(values.indices, weights=data, minlength=n_genes) / n_stored
    squares = np.square(data - mean[values.indices])
    return mean, np.sqrt(np.bincount(values.indices, weights=squares, minlength=n_genes) / n_stored)
