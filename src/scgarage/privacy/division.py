"""Who plays what: reference, attacked non-members, and members to match them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scgarage.evaluation.space import halve
from scgarage.privacy.population import Population, Rows

__all__ = ["Division", "divide", "match"]


@dataclass(frozen=True)
class Division:
    """Held-out cells, divided.

    Attributes
    ----------
    reference
        Real cells that fit the components and calibrate the attacks.
    attacked
        Real cells that the model has not seen and that the attacks must not take for members.
    donors_differ
        Whether no donor is on two sides; then donors and not cells are what is resampled.
    """

    reference: Population
    attacked: Population
    donors_differ: bool


def divide(train: Population, validation: Population, test: Population, rng: np.random.Generator) -> Division | None:
    """Divide held-out cells into a reference and attacked cells.

    Half of the test cells, stratified by type, are attacked; the others and the validation cells are the
    reference. When train and test have no donor in common, whole donors go to either side: a reference that
    shared its donors with the non-members only would make them look less like members.

    Returns
    -------
    Division or None
        ``None`` when the test part has one donor and there are no validation cells, so that no reference is left.
    """
    differ = _differ(train, test)
    halves = _halve_donors(test, rng) if differ else halve(test.labels, rng)
    reference, attacked = (test.take(rows) for rows in halves)
    if len(validation):
        reference = reference.join(validation)
    return Division(reference, attacked, differ) if len(reference) and len(attacked) else None


def match(
    members: NDArray[np.str_], non_members: NDArray[np.str_], *, n_cells: int, rng: np.random.Generator
) -> tuple[Rows, Rows]:
    """Draw as many members as non-members of every type.

    Parameters
    ----------
    members, non_members
        Types, (n_members,) and (n_non_members,).
    n_cells
        Cells of either side at most.
    rng
        Source of the draw.

    Returns
    -------
    tuple of numpy.ndarray
        Rows of members and rows of non-members, the same number of each type.
    """
    # Shuffled first, so that every type loses its share when there are more than n_cells pairs.
    orders = [rng.permutation(len(labels)) for labels in (members, non_members)]
    pairs: list[list[Rows]] = [[], []]
    for label in np.intersect1d(members, non_members):
        rows = [order[labels[order] == label] for order, labels in zip(orders, (members, non_members), strict=True)]
        n_pairs = min(map(len, rows))
        for side, chosen in zip(pairs, rows, strict=True):
            side.append(chosen[:n_pairs])
    if not pairs[0]:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    first, second = (np.concatenate(side) for side in pairs)
    kept = rng.permutation(len(first))[:n_cells]
    return first[kept], second[kept]


def _differ(train: Population, test: Population) -> bool:
    if train.donors is None or test.donors is None:
        return False
    return not np.intersect1d(train.donors, test.donors).size


def _halve_donors(test: Population, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Divide whole donors; an odd one is attacked."""
    names = rng.permutation(np.unique(test.donors))  # type: ignore[arg-type]
    reference = np.isin(test.donors, names[: len(names) // 2])  # type: ignore[arg-type]
    return np.flatnonzero(reference), np.flatnonzero(~reference)
