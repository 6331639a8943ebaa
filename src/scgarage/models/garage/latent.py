"""Latent positions of cells: shared factors and depth, a normal distribution per stratum, and jittered seeds."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scgarage.models.garage.strata import Strata

__all__ = ["Latent"]

POOLED_CELLS = 20.0
"""Cells that the pooled covariance is worth beside a stratum's own."""

DEPTH_MARGIN = 0.2
"""How far outside the range of log library sizes of its type a cell may come to lie."""


@dataclass(frozen=True)
class Latent:
    r"""Distribution of latent positions, the factors and the log library size of a cell.

    .. math:: x = \mu_s + \sqrt{1 - h^2} \, (x_k - \mu_s) + h \, e, \qquad e \sim N(0, \Sigma_s)

    with a seed cell :math:`x_k` of the stratum :math:`s` and the jitter :math:`h`; mean and covariance stay what they
    are for every :math:`h`. At :math:`h = 1` nothing of a single cell is left. Covariances of small strata are drawn to
    the pooled one, means are not: that would move a rare type towards its relatives.

    Attributes
    ----------
    mean
        (n_strata, n_dims).
    root
        Cholesky factors of the covariances, (n_strata, n_dims, n_dims).
    seeds
        Latent positions of the seed cells, (n_seeds, n_dims).
    seed_strata
        Their strata, (n_seeds,).
    depth_range
        Smallest and largest log library size, (n_strata, 2).
    """

    mean: NDArray[np.float32]
    root: NDArray[np.float32]
    seeds: NDArray[np.float32]
    seed_strata: NDArray[np.int64]
    depth_range: NDArray[np.float32]

    @classmethod
    def fit(
        cls, positions: NDArray[np.float32], codes: NDArray[np.int64], strata: Strata, seeds: NDArray[np.int64]
    ) -> Self:
        """Estimate from draws of the training cells' positions.

        Parameters
        ----------
        positions
            Draws, (n_draws, n_cells, n_dims); the log library size comes last.
        codes
            Stratum of each cell, (n_cells,).
        strata
            The strata.
        seeds
            Rows of the seed cells.
        """
        n_draws, _, n_dims = positions.shape
        points = positions.reshape(-1, n_dims).astype(np.float64)
        groups = np.tile(codes, n_draws)
        mean = _means(points, groups, strata)
        residual = points - mean[groups]
        pooled = residual.T @ residual / len(residual)
        root = np.empty((len(mean), n_dims, n_dims))
        depth = np.tile([points[:, -1].min(), points[:, -1].max()], (len(mean), 1))
        for code in range(len(mean)):
            own = residual[groups == code]
            n_cells = len(own) / n_draws
            covariance = (own.T @ own / n_draws + POOLED_CELLS * pooled) / (n_cells + POOLED_CELLS)
            root[code] = np.linalg.cholesky(covariance + 1e-6 * np.eye(n_dims))
            if len(own):
                depth[code] = mean[code, -1] + own[:, -1].min(), mean[code, -1] + own[:, -1].max()
        f32 = np.float32
        return cls(mean.astype(f32), root.astype(f32), positions[-1, seeds], codes[seeds], depth.astype(f32))

    def draw(self, codes: NDArray[np.int64], jitter: float, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw a position for each stratum number (n_cells,): shape (n_cells, n_dims).

        The seeds of a stratum are used evenly, and the noise of each stratum is centred: as many cells then vary less
        from draw to draw than independent ones would, without being less varied themselves.
        """
        positions = np.empty((len(codes), self.mean.shape[1]), dtype=np.float32)
        for code in np.unique(codes):
            rows = np.flatnonzero(codes == code)
            noise = rng.standard_normal((len(rows), self.mean.shape[1]), dtype=np.float32)
            noise = (noise - noise.mean(axis=0)) * np.sqrt(len(rows) / (len(rows) - 1)) if len(rows) > 1 else noise
            away = np.float32(jitter) * noise @ self.root[code].T
            own = np.flatnonzero(self.seed_strata == code)
            if len(own) and jitter < 1:
                chosen = own[_evenly(len(own), len(rows), rng)]
                away += np.float32(np.sqrt(1 - jitter**2)) * (self.seeds[chosen] - self.mean[code])
            elif jitter < 1:  # a stratum without seeds
                away = noise @ self.root[code].T
            positions[rows] = self.mean[code] + away
        return self.within_depth(positions, codes)

    def around(
        self,
        rows: NDArray[np.int64],
        codes: NDArray[np.int64],
        positions: NDArray[np.float32],
        jitter: float,
        rng: np.random.Generator,
    ) -> NDArray[np.float32]:
        """Return one jittered position for each of some cells, with their strata ``codes``."""
        noise = rng.standard_normal((len(rows), self.mean.shape[1]), dtype=np.float32)
        away = np.einsum("nij,nj->ni", self.root[codes], noise)
        kept = np.float32(np.sqrt(1 - jitter**2)) * (positions[rows] - self.mean[codes])
        result: NDArray[np.float32] = self.mean[codes] + kept + np.float32(jitter) * away
        return result

    def within_depth(self, positions: NDArray[np.float32], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Keep log library sizes near the range seen in training."""
        low, high = self.depth_range[codes].T
        positions[:, -1] = np.clip(positions[:, -1], low - DEPTH_MARGIN, high + DEPTH_MARGIN)
        return positions

    def scale(self) -> NDArray[np.float32]:
        """Return the overall standard deviation of each dimension, (n_dims,)."""
        spread = self.seeds.std(axis=0) if len(self.seeds) > 1 else np.ones(self.mean.shape[1])
        result: NDArray[np.float32] = np.maximum(spread, 1e-3).astype(np.float32)
        return result


def _means(points: NDArray[np.float64], groups: NDArray[np.int64], strata: Strata) -> NDArray[np.float64]:
    """Return the mean of each stratum; of one never seen, what type and batch let expect."""
    n_strata = len(strata.sizes)
    sizes = np.bincount(groups, minlength=n_strata)
    sums = np.zeros((n_strata, points.shape[1]))
    np.add.at(sums, groups, points)
    types, batches = strata.split(np.arange(n_strata))
    overall = points.mean(axis=0)
    by_type = np.stack([sums[types == t].sum(axis=0) / max(sizes[types == t].sum(), 1) for t in range(strata.n_types)])
    offset = np.stack(
        [
            (sums - sizes[:, None] * by_type[types])[batches == b].sum(axis=0) / max(sizes[batches == b].sum(), 1)
            for b in range(strata.n_batches)
        ]
    )
    by_type[np.bincount(types, weights=sizes) == 0] = overall
    expected = by_type[types] + offset[batches]
    return np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], expected)


def _evenly(n_seeds: int, n_cells: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return ``n_cells`` seed numbers in which every seed occurs the same number of times, give or take one."""
    repeated = np.tile(np.arange(n_seeds), n_cells // n_seeds)
    rest = rng.permutation(n_seeds)[: n_cells % n_seeds]
    numbers: NDArray[np.int64] = rng.permutation(np.concatenate([repeated, rest]))
    return numbers
