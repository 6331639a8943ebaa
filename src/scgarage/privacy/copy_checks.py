"""Exact and near copies, for all, rare and seed cells."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.privacy.exact_copies import exact_copies
from scgarage.privacy.finding import Finding
from scgarage.privacy.inputs import Inputs
from scgarage.privacy.intervals import share_interval
from scgarage.privacy.near_copies import near_limit, neighbour_ratio
from scgarage.privacy.thresholds import MIN_CELLS, NEAR_QUANTILE

__all__ = ["MIN_DETECTED", "find_exact", "find_near", "near_finding"]

MIN_DETECTED = 5
"""Genes with counts that a cell must have for an equal training cell to mean anything."""

Groups = Mapping[str, NDArray[np.bool_]]


def find_exact(inputs: Inputs) -> list[Finding]:
    """Count synthetic cells that equal a training cell, by the group of that cell.

    Cells with fewer than :data:`MIN_DETECTED` detected genes, and cells that equal a held-out cell too, are
    not counted: two real cells can be the same in so little.
    """
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
    """Measure the share of near copies among the synthetic cells nearest to the training cells of each group.

    Parameters
    ----------
    synthetic, train, holdout
        Components, (n_cells, n_pcs); the holdout gives the floor.
    groups
        Masks over the training cells.
    """
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
    """Return the share of near copies with its interval.

    Parameters
    ----------
    group
        Name of the group.
    near
        Whether each synthetic cell is a near copy, (n_cells,).
    nearest
        Its nearest training cell, (n_cells,): cells that share theirs do not count as independent.
    floor
        Share among fresh cells.
    """
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
