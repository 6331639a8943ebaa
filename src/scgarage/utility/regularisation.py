"""One penalty of the logistic regression for all comparators of a split."""

import numpy as np
from numpy.typing import NDArray

from scgarage.utility.pipelines import Tuning, logistic
from scgarage.utility.training_set import TrainingSet

__all__ = ["INVERSE_PENALTIES", "choose_inverse_penalty"]

INVERSE_PENALTIES = (0.02, 1.0)
"""Values of ``C`` to choose from: a strong and a weak penalty."""

N_FOLDS = 3
SMALLEST_PROBABILITY = 1e-6


def choose_inverse_penalty(train: TrainingSet, *, random_state: int) -> float:
    r"""Choose ``C`` by three-fold cross-validation on the real training cells.

    The value with the smaller class-balanced log loss is taken,

    .. math:: -\frac{1}{T} \sum_t \frac{1}{n_t} \sum_{i: type(i) = t} \log p_{it}

    and used for every comparator and generator of the split. No test cell and no synthetic cell takes part. A
    choice for each of them would have to fit each generator three times more, and a choice on the test cells
    would favour whatever is tried most often.

    Parameters
    ----------
    train
        Real training cells.
    random_state
        Seed of the folds.

    Returns
    -------
    float
        One of ``INVERSE_PENALTIES``.
    """
    folds = _folds(train.codes, random_state)
    weights = 1.0 / np.bincount(train.codes)[train.codes]
    losses = []
    for value in INVERSE_PENALTIES:
        loss = 0.0
        for fold in range(N_FOLDS):
            inside, outside = folds != fold, folds == fold
            part = TrainingSet(train.log_expr[inside], train.codes[inside], train.n_types)
            probabilities = logistic(part, train.log_expr[outside], Tuning(inverse_penalty=value))
            own = probabilities[np.arange(outside.sum()), train.codes[outside]]
            loss -= float(weights[outside] @ np.log(np.maximum(own, SMALLEST_PROBABILITY)))
        losses.append(loss)
    return INVERSE_PENALTIES[int(np.argmin(losses))]


def _folds(codes: NDArray[np.intp], random_state: int) -> NDArray[np.intp]:
    """Deal the cells of each type out to the folds; scikit-learn's stratified folds refuse types of one cell."""
    order = np.lexsort((np.random.default_rng(random_state).random(len(codes)), codes))
    folds = np.empty(len(codes), dtype=np.intp)
    folds[order] = np.arange(len(codes)) % N_FOLDS
    return folds
