"""All comparators, generators and pipelines on one division of the cells."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scgarage.preprocess import select_hvg
from scgarage.utility.augmenter import Augmenter, make_cells
from scgarage.utility.cells import RealCells
from scgarage.utility.designs import Fold
from scgarage.utility.pipelines import Pipeline, Tuning
from scgarage.utility.regularisation import choose_inverse_penalty
from scgarage.utility.scores import score_type
from scgarage.utility.settings import UtilitySettings
from scgarage.utility.training_set import Comparator, TrainingSet

__all__ = ["COMPARATOR", "GENERATOR", "ONLY_SYNTHETIC", "Contest", "score_fold"]

COMPARATOR, GENERATOR, ONLY_SYNTHETIC = "comparator", "synthetic", "synthetic-only"
"""Kinds of training sets: real cells weighted or resampled, real and synthetic cells, synthetic cells alone."""


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Who takes part.

    Attributes
    ----------
    comparators, augmenters, pipelines
        By name.
    synthetic_only
        Whether classifiers are trained on synthetic cells alone as well.
    settings
        Sizes.
    """

    comparators: Mapping[str, Comparator]
    augmenters: Mapping[str, Augmenter]
    pipelines: Mapping[str, Pipeline]
    synthetic_only: bool
    settings: UtilitySettings


def score_fold(name: str, real: RealCells, fold: Fold, contest: Contest, *, random_state: int) -> list[dict[str, Any]]:
    """Fit every pipeline on every training set and score the targets among the test cells.

    Parameters
    ----------
    name
        Name of the data set.
    real
        Its cells.
    fold
        Division of the cells.
    contest
        Comparators, generators and pipelines.
    random_state
        Seed, the same for all of them.

    Returns
    -------
    list of dict
        Rows of the tidy table.
    """
    train_expr = real.log_expr[fold.train]
    genes = np.flatnonzero(select_hvg(train_expr, contest.settings.n_top_genes))
    train = TrainingSet(train_expr[:, genes].toarray(), real.codes[fold.train], len(real.types))
    test = real.log_expr[fold.test][:, genes].toarray()
    tuning = Tuning(
        inverse_penalty=choose_inverse_penalty(train, random_state=random_state),
        n_trees=contest.settings.n_trees,
        random_state=random_state,
    )
    rows = []
    for kind, contestant, training_set in _training_sets(real, fold, train, genes, contest, random_state=random_state):
        for pipeline, classify in contest.pipelines.items():
            probabilities = classify(training_set, test, tuning)
            shared = {"comparator": contestant, "kind": kind, "pipeline": pipeline}
            rows += _rows(name, real, fold, probabilities, shared)
    return rows


def _training_sets(
    real: RealCells,
    fold: Fold,
    train: TrainingSet,
    genes: NDArray[np.intp],
    contest: Contest,
    *,
    random_state: int,
) -> Iterator[tuple[str, str, TrainingSet]]:
    targets = {int(code): contest.settings.n_added for code in fold.targets}
    for name, comparator in contest.comparators.items():
        yield COMPARATOR, name, comparator(train, targets, random_state)
    counts = np.bincount(train.codes, minlength=train.n_types)
    everything = {code: int(n_cells) for code, n_cells in enumerate(counts)} | targets
    wanted = everything if contest.synthetic_only else targets
    for name, augmenter in contest.augmenters.items():
        log_expr, codes = make_cells(
            augmenter, real, fold.train, wanted, needed=fold.targets, random_state=random_state
        )
        made = log_expr[:, genes].toarray()
        of_target = np.isin(codes, fold.targets)
        yield GENERATOR, name, train.with_added(made[of_target], codes[of_target])
        if contest.synthetic_only:
            yield ONLY_SYNTHETIC, f"{name} alone", TrainingSet(made, codes, train.n_types)


def _rows(
    name: str, real: RealCells, fold: Fold, probabilities: NDArray[np.float64], shared: dict[str, str]
) -> list[dict[str, Any]]:
    rows = []
    for target in fold.targets:
        about = {
            "data_set": name,
            "setting": fold.setting,
            "split": fold.split,
            "target": str(real.types[target]),
            "k": int((real.codes[fold.train] == target).sum()),
        }
        scores = score_type(probabilities, real.codes[fold.test], int(target), fold.weights)
        rows += [about | shared | {"metric": metric, "value": value} for metric, value in scores.items()]
    return rows
