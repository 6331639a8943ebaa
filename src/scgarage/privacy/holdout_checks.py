"""Whether synthetic cells lie nearer to training than to held-out cells."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances_argmin

from scgarage.metrics import memorisation_share
from scgarage.metrics.neighbours import nearest_distance
from scgarage.privacy.distance_ratio import LOW_QUANTILE, quantile_ratio
from scgarage.privacy.finding import Finding
from scgarage.privacy.intervals import Weights, resample
from scgarage.privacy.population import Population, Rows
from scgarage.privacy.thresholds import MIN_CELLS, MIN_DONORS

__all__ = ["Side", "clusters_of", "find_distance_ratio", "find_memorisation"]

FEW_DONORS = f"fewer than {MIN_DONORS} donors on a side, which differ from each other by more than chance"

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """Real cells on one side of a comparison.

    Attributes
    ----------
    points
        Components, (n_cells, n_pcs).
    clusters
        What is resampled: the number of each cell, or of its donor, (n_cells,).
    by_donor
        Whether the clusters are donors.
    """

    points: Points
    clusters: NDArray[np.intp]
    by_donor: bool = False

    def __len__(self) -> int:
        return len(self.points)

    def take(self, rows: Rows) -> "Side":
        """Return some of the cells."""
        return Side(self.points[rows], np.unique(self.clusters[rows], return_inverse=True)[1], self.by_donor)

    @property
    def obstacle(self) -> str:
        """Why an interval from these cells cannot be trusted; empty when it can."""
        n_clusters = len(np.unique(self.clusters))
        if self.by_donor:
            return FEW_DONORS if n_clusters < MIN_DONORS else ""
        return f"fewer than {MIN_CELLS} real cells on a side" if n_clusters < MIN_CELLS else ""


def clusters_of(cells: Population, *, by_donor: bool) -> NDArray[np.intp]:
    """Return the number of each cell's donor, or of the cell itself, (n_cells,)."""
    if by_donor and cells.donors is not None:
        return np.asarray(np.unique(cells.donors, return_inverse=True)[1], dtype=np.intp)
    return np.arange(len(cells))


def find_memorisation(
    synthetic: Points, train: Side, holdout: Side, reference: Points, *, rng: np.random.Generator
) -> Finding:
    r"""Return the memorisation share with an interval over the real cells.

    With :math:`c_j` the number of synthetic cells that real cell :math:`j` is nearest to, the share is
    :math:`\bar c_T / (\bar c_T + \bar c_H)`, a function of two means over real cells; these are resampled,
    since a few real cells can be nearest to many synthetic ones.

    Parameters
    ----------
    synthetic
        Components of synthetic cells, (n_synthetic, n_pcs).
    train, holdout
        Training and held-out cells.
    reference
        Components of real cells that are neither, for the floor.
    rng
        Source of the resamples.
    """
    value = memorisation_share(synthetic, train.points, holdout.points)
    pooled = np.concatenate([train.points, holdout.points])
    claims = np.bincount(pairwise_distances_argmin(synthetic, pooled), minlength=len(pooled))
    by_train, by_holdout = claims[: len(train)], claims[len(train) :]

    def share(first: Weights, second: Weights) -> float:
        near_train, near_holdout = first @ by_train / first.sum(), second @ by_holdout / second.sum()
        total = near_train + near_holdout
        return float(near_train / total) if total else float("nan")

    low, high = resample(share, train.clusters, holdout.clusters, rng=rng)
    floor = memorisation_share(reference, train.points, holdout.points)
    low, high = min(low, value), max(high, value)  # all cells at one train cell: resamples have nothing to vary
    obstacle = train.obstacle or holdout.obstacle
    return Finding("memorisation_share", "all", len(synthetic), value, low, high, floor, obstacle)


def find_distance_ratio(
    synthetic: Points, train: Side, holdout: Side, reference: Points, *, rng: np.random.Generator
) -> Finding:
    """Return the distance ratio at the lowest tenth of the distances, with an interval.

    Synthetic cells that share their nearest real cell (or its donor) are resampled together.

    Parameters
    ----------
    synthetic
        Components of synthetic cells, (n_synthetic, n_pcs).
    train, holdout
        As many training as held-out cells.
    reference
        Components of real cells that are neither, for the floor.
    rng
        Source of the resamples.
    """
    to_train, to_holdout = (nearest_distance(synthetic, side.points) for side in (train, holdout))
    pooled = np.concatenate([train.points, holdout.points])
    owners = np.concatenate([train.clusters, holdout.clusters + train.clusters.max() + 1])
    _, clusters = np.unique(owners[pairwise_distances_argmin(synthetic, pooled)], return_inverse=True)

    def ratio(weights: Weights) -> float:
        times = weights.astype(np.intp)
        return quantile_ratio(np.repeat(to_train, times), np.repeat(to_holdout, times), LOW_QUANTILE)

    low, high = resample(ratio, clusters, rng=rng)
    value = quantile_ratio(to_train, to_holdout, LOW_QUANTILE)
    floor = quantile_ratio(
        nearest_distance(reference, train.points), nearest_distance(reference, holdout.points), LOW_QUANTILE
    )
    few = (
        "" if len(np.unique(clusters)) >= MIN_CELLS or train.by_donor else "nearly all cells share a nearest real cell"
    )
    obstacle = train.obstacle or holdout.obstacle or few
    return Finding("distance_ratio", "all", len(synthetic), value, low, high, floor, obstacle)
