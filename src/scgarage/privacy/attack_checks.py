"""Membership inference for all, rare and seed cells, and for donors."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scgarage.privacy.attack_success import FALSE_POSITIVES, Ranking
from scgarage.privacy.attacks import ATTACKS
from scgarage.privacy.division import match
from scgarage.privacy.finding import Finding
from scgarage.privacy.holdout_checks import FEW_DONORS, Side
from scgarage.privacy.intervals import resample
from scgarage.privacy.thresholds import MIN_CELLS, MIN_DONORS, MIN_NON_MEMBERS

__all__ = ["Scene", "attack_donors", "attack_group"]

Scores = Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]


@dataclass(frozen=True)
class Scene:
    """What an attacker sees, and whom the attack is about.

    Attributes
    ----------
    synthetic, reference
        Components of the released and of the attacker's own cells, (n_cells, n_pcs).
    members, non_members
        Training and held-out cells.
    member_labels, non_member_labels
        Their types.
    """

    synthetic: NDArray[np.float64]
    reference: NDArray[np.float64]
    members: Side
    non_members: Side
    member_labels: NDArray[np.str_]
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
    """Attack the training cells that the mask picks.

    Returns
    -------
    list of Finding
        AUROC and true positive rate at 1 % false positives of every attack; intervals over resampled cells,
        or donors where no donor is on both sides.
    """
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
    """Attack whole donors: the score of a donor is the mean over its cells.

    Returns
    -------
    list of Finding
        AUROC of every attack; without a number when the same donors are in training and held-out cells.
    """
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
