"""Checks of copies, of memorisation and of attacks, with intervals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import beta
from sklearn.metrics import pairwise_distances_argmin

from scgarage.judge.privacy.attacks import ATTACKS, FALSE_POSITIVES, Ranking
from scgarage.judge.privacy.copies import LOW_QUANTILE, exact_copies, near_limit, neighbour_ratio, quantile_ratio
from scgarage.judge.privacy.inputs import Inputs, Population, Rows, match
from scgarage.judge.privacy.result import MIN_CELLS, MIN_DONORS, MIN_NON_MEMBERS, NEAR_QUANTILE, Finding
from scgarage.metrics import memorisation_share
from scgarage.metrics.neighbours import nearest_distance

Weights = NDArray[np.float64]
"""How often each cell was drawn, (n_cells,)."""

LEVEL = 0.95
"""Two-sided level of every interval."""

N_RESAMPLES = 500
"""Resamples of an interval: its bounds then differ by a few percent of its width from run to run."""


def resample(
    statistic: Callable[..., float],
    *clusters: NDArray[np.intp],
    rng: np.random.Generator,
    n_resamples: int = N_RESAMPLES,
) -> tuple[float, float]:
    """Return the bootstrap percentile interval of a statistic of several independent samples.

    References
    ----------
    Davison and Hinkley, Bootstrap methods and their application, 1997, doi:10.1017/CBO9780511802843.
    """
    sizes = [int(numbers.max(initial=-1)) + 1 for numbers in clusters]
    values = np.empty(n_resamples)
    for repeat in range(n_resamples):
        drawn = [np.bincount(rng.integers(size, size=size), minlength=size) for size in sizes]
        values[repeat] = statistic(
            *(counts[numbers].astype(np.float64) for counts, numbers in zip(drawn, clusters, strict=True))
        )
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def share_interval(share: float, n_effective: float) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a share.

    References
    ----------
    Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case of the binomial,
    1934, doi:10.1093/biomet/26.4.404.

    Examples
    --------
    >>> [round(bound, 4) for bound in share_interval(0.0, 100)]
    [0.0, 0.0362]
    """
    hits, tail = share * n_effective, (1 - LEVEL) / 2
    low = 0.0 if hits <= 0 else float(beta.ppf(tail, hits, n_effective - hits + 1))
    high = 1.0 if hits >= n_effective else float(beta.ppf(1 - tail, hits + 1, n_effective - hits))
    return low, high


MIN_DETECTED = 5
"""Genes with counts that a cell must have for an equal training cell to mean anything."""

Groups = Mapping[str, NDArray[np.bool_]]


def find_exact(inputs: Inputs) -> list[Finding]:
    """Count synthetic cells that equal a training cell, by the group of that cell."""
    cells = inputs.synthetic.values
    matches = exact_copies(cells, inputs.train.values)
    found = matches >= 0
    empty = _detected(cells) < MIN_DETECTED
    held_out = inputs.test.join(inputs.validation).values
    chance = found & (exact_copies(cells, held_out) >= 0)
    counted = found & ~empty & ~chance
    note = _exceptions(empty, found & ~empty & chance)
    findings = []
    for name, mask in inputs.groups.items():
        n_copies = float((counted & mask[matches]).sum())
        findings.append(Finding("exact_copies", name, cells.shape[0], n_copies, n_copies, n_copies, 0.0, note=note))
    return findings


def find_near(
    synthetic: NDArray[np.float64], train: NDArray[np.float64], holdout: NDArray[np.float64], groups: Groups
) -> list[Finding]:
    """Measure the share of near copies among the synthetic cells nearest to the training cells of each group."""
    limit = near_limit(train)
    ratio, nearest = neighbour_ratio(synthetic, train)
    fresh, nearest_to_fresh = neighbour_ratio(holdout, train)
    findings = []
    for name, mask in groups.items():
        inside, floor = mask[nearest], fresh[mask[nearest_to_fresh]] < limit
        expected = float(floor.mean()) if len(floor) >= MIN_CELLS else NEAR_QUANTILE
        findings.append(near_finding(name, ratio[inside] < limit, nearest[inside], expected))
    return findings


def near_finding(group: str, near: NDArray[np.bool_], nearest: NDArray[np.intp], floor: float) -> Finding:
    """Return the share of near copies with its interval."""
    if not len(near):
        return Finding("near_copies", group, 0, floor=floor, obstacle="no synthetic cell is nearest to one of these")
    share, n_distinct = float(near.mean()), len(np.unique(nearest))
    low, high = share_interval(share, n_distinct)
    obstacle = (
        "" if n_distinct >= MIN_CELLS else f"fewer than {MIN_CELLS} training cells have synthetic cells near them"
    )
    return Finding("near_copies", group, len(near), share, low, high, floor, obstacle)


def _detected(values: sparse.csr_matrix) -> NDArray[np.intp]:
    canonical = values.copy()
    canonical.eliminate_zeros()
    return np.diff(canonical.indptr)


def _exceptions(empty: NDArray[np.bool_], chance: NDArray[np.bool_]) -> str:
    words = []
    if empty.any():
        words.append(f"{int(empty.sum()):,} cells with fewer than {MIN_DETECTED} detected genes not counted")
    if chance.any():
        words.append(f"{int(chance.sum()):,} cells that equal a held-out cell too not counted")
    return "; ".join(words)


FEW_DONORS = f"fewer than {MIN_DONORS} donors on a side, which differ from each other by more than chance"

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """Real cells on one side of a comparison."""

    points: Points  # components, (n_cells, n_pcs)
    clusters: NDArray[np.intp]  # what is resampled: the number of each cell, or of its donor, (n_cells,)
    by_donor: bool = False  # whether the clusters are donors

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
    """Return the distance ratio at the lowest tenth of the distances, with an interval."""
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


Scores = Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]


@dataclass(frozen=True)
class Scene:
    """What an attacker sees, and whom the attack is about."""

    synthetic: NDArray[np.float64]  # components of the released and of the attacker's own cells, (n_cells, n_pcs)
    reference: NDArray[np.float64]
    members: Side  # training and held-out cells
    non_members: Side
    member_labels: NDArray[np.str_]  # their types
    non_member_labels: NDArray[np.str_]

    def drawn(self, mask: NDArray[np.bool_], n_cells: int, rng: np.random.Generator) -> tuple[Side, Side]:
        """Return as many members (of those that the mask picks) as non-members of every type."""
        rows = np.flatnonzero(mask)
        chosen, others = match(self.member_labels[rows], self.non_member_labels, n_cells=n_cells, rng=rng)
        return self.members.take(rows[chosen]), self.non_members.take(others)

    def scores(self, members: Side, non_members: Side) -> Scores:
        """Return the scores of members and of non-members under every attack."""
        return {
            name: (
                attack(members.points, self.synthetic, self.reference),
                attack(non_members.points, self.synthetic, self.reference),
            )
            for name, attack in ATTACKS.items()
        }


def attack_group(
    scene: Scene, group: str, mask: NDArray[np.bool_], *, max_cells: int, rng: np.random.Generator
) -> list[Finding]:
    """Attack the training cells that the mask picks."""
    members, non_members = scene.drawn(mask, max_cells, rng)
    n_cells = len(members)
    obstacle = members.obstacle or non_members.obstacle
    obstacle = "too few members or non-members of the same types" if n_cells < MIN_CELLS else obstacle
    if not n_cells:
        names = [f"{name}_{kind}" for name in ATTACKS for kind in ("auroc", "tpr")]
        return [Finding(name, group, 0, obstacle=obstacle) for name in names]
    few = obstacle or (f"fewer than {MIN_NON_MEMBERS} non-members" if n_cells < MIN_NON_MEMBERS else "")
    findings = []
    for name, scores in scene.scores(members, non_members).items():
        ranking = Ranking.of(*scores)
        clusters = members.clusters, non_members.clusters
        area = resample(ranking.auroc, *clusters, rng=rng)
        rate = resample(ranking.true_positive_rate, *clusters, rng=rng)
        findings += [
            Finding(f"{name}_auroc", group, n_cells, ranking.auroc(), *area, 0.5, obstacle),
            Finding(f"{name}_tpr", group, n_cells, ranking.true_positive_rate(), *rate, FALSE_POSITIVES, few),
        ]
    return findings


def attack_donors(scene: Scene, *, max_cells: int, rng: np.random.Generator) -> list[Finding]:
    """Attack whole donors: the score of a donor is the mean over its cells."""
    if not scene.members.by_donor:
        reason = "training and held-out cells share donors, so no donor is a non-member"
        return [Finding(f"{name}_auroc", "donors", 0, obstacle=reason) for name in ATTACKS]
    members, non_members = scene.drawn(np.ones(len(scene.members), dtype=np.bool_), max_cells, rng)
    if not len(members):
        return [Finding(f"{name}_auroc", "donors", 0, obstacle="no type is on both sides") for name in ATTACKS]
    findings = []
    for name, scores in scene.scores(members, non_members).items():
        means = [_means(values, side.clusters) for values, side in zip(scores, (members, non_members), strict=True)]
        ranking = Ranking.of(*means)
        area = resample(ranking.auroc, *(np.arange(len(values)) for values in means), rng=rng)
        few = FEW_DONORS if min(map(len, means)) < MIN_DONORS else ""
        findings.append(Finding(f"{name}_auroc", "donors", len(means[0]), ranking.auroc(), *area, 0.5, few))
    return findings


def _means(values: NDArray[np.float64], clusters: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.asarray(np.bincount(clusters, values) / np.bincount(clusters))
