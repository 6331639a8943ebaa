"""Which cells train and which test: rare types as they are, or abundant types cut down."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.utility.scores import prevalence_weights
from scgarage.utility.settings import UtilitySettings

__all__ = ["AS_IT_IS", "DESIGNS", "MIN_TEST", "MIN_TRAIN", "Design", "Fold", "folds"]

Design: TypeAlias = Literal["as it is", "down-sampling"]

AS_IT_IS: Design = "as it is"
DESIGNS: tuple[Design, ...] = ("down-sampling", AS_IT_IS)
MIN_TRAIN = 3
"""Fewest training cells of a target: resampling needs neighbours."""

MIN_TEST = 5
"""Fewest test cells of a rare type as it is."""

MIN_TEST_CUT = 20
"""Fewest test cells of a type that is cut down."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One division of the cells.

    Attributes
    ----------
    setting
        ``"as it is"`` or, for example, ``"5 training cells"``.
    split
        Number of the split.
    train, test
        Row numbers of the cells.
    targets
        Numbers of the target types.
    weights
        Weight of each test cell.
    """

    setting: str
    split: int
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    targets: NDArray[np.intp]
    weights: NDArray[np.float64]


def folds(codes: NDArray[np.intp], design: Design, settings: UtilitySettings, *, random_state: int) -> Iterator[Fold]:
    """Divide the cells of one data set again and again.

    Parameters
    ----------
    codes
        Number of the type of each cell, (n_cells,).
    design
        ``"as it is"``: the targets are all rare types, and test cells count as they are. ``"down-sampling"``: the
        targets are abundant types that take turns, cut to each of ``n_training_cells`` and weighted to
        ``prevalence`` in the test; the training cells of a smaller number are among those of a larger one, and
        the test cells are the same.
    settings
        Sizes.
    random_state
        Seed; the splits do not depend on how many there are.

    Yields
    ------
    Fold
        The divisions, split by split.

    Raises
    ------
    InputError
        If no type can be a target.
    """
    eligible = eligible_types(codes, design, settings)
    # Two types must be left whole: with fewer, the task is no longer to find one type among others.
    n_targets = min(settings.n_targets, len(eligible), int(codes.max()) - 1)
    turns = _turns(eligible, n_targets, settings.n_splits, random_state)
    for split in range(settings.n_splits):
        rng = np.random.default_rng([random_state, split])
        shuffled = [rng.permutation(np.flatnonzero(codes == code)) for code in range(codes.max() + 1)]
        if design == AS_IT_IS:
            yield _divide(codes, shuffled, eligible, settings, n_train=None, split=split)
            continue
        for n_train in settings.n_training_cells:
            yield _divide(codes, shuffled, turns[split], settings, n_train=n_train, split=split)


def eligible_types(codes: NDArray[np.intp], design: Design, settings: UtilitySettings) -> NDArray[np.intp]:
    """Return the numbers of the types that can be targets; arguments and errors as for :func:`folds`."""
    counts = np.bincount(codes)
    rare = counts < settings.rare_fraction * len(codes)
    if design == AS_IT_IS:
        n_train = np.rint(counts * settings.train_share)
        eligible = np.flatnonzero(rare & (n_train >= MIN_TRAIN) & (counts - n_train >= MIN_TEST))
        wanted = f"below {settings.rare_fraction:.0%} of the cells with {MIN_TRAIN} training and {MIN_TEST} test cells"
    else:
        needed = max(settings.n_training_cells) + MIN_TEST_CUT
        eligible = np.flatnonzero(~rare & (counts >= needed))
        wanted = f"of at least {needed} cells (lower n_training_cells?) and {settings.rare_fraction:.0%} of all"
    if not len(eligible) or len(counts) < 3:
        msg = (
            f"design '{design}' needs 3 types, one of them {wanted}; found types of {sorted(counts.tolist())} cells; "
            "leave it out of designs="
        )
        raise InputError(msg)
    return eligible


def _turns(eligible: NDArray[np.intp], n_targets: int, n_splits: int, random_state: int) -> list[NDArray[np.intp]]:
    """Deal the types out to the splits, each as often as any other but for one."""
    rng = np.random.default_rng([random_state, n_targets, len(eligible)])
    turns: list[NDArray[np.intp]] = []
    waiting: list[int] = []
    for _ in range(n_splits):
        chosen: list[int] = []
        while len(chosen) < n_targets:
            if all(code in chosen for code in waiting):
                waiting += rng.permutation(eligible).tolist()
            chosen.append(waiting.pop(next(i for i, code in enumerate(waiting) if code not in chosen)))
        turns.append(np.array(sorted(chosen), dtype=np.intp))
    return turns


def _divide(
    codes: NDArray[np.intp],
    shuffled: list[NDArray[np.intp]],
    targets: NDArray[np.intp],
    settings: UtilitySettings,
    *,
    n_train: int | None,
    split: int,
) -> Fold:
    train, test = [], []
    for code, cells in enumerate(shuffled):
        first = last = int(np.clip(np.rint(len(cells) * settings.train_share), 1, len(cells) - 1))
        if n_train is not None and code in targets:
            first, last = n_train, max(settings.n_training_cells)
        train.append(cells[:first])
        test.append(cells[last:])
    rows = np.concatenate(test)
    prevalence = None if n_train is None else settings.prevalence
    return Fold(
        setting=AS_IT_IS if n_train is None else f"{n_train} training cells",
        split=split,
        train=np.concatenate(train),
        test=rows,
        targets=targets,
        weights=prevalence_weights(codes[rows], targets, prevalence),
    )
