"""Scores of a rare type among weighted test cells."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

__all__ = ["SCORES", "prevalence_weights", "score_type"]

SCORES = {
    "auprc": "AUPRC",
    "f1": "F1",
    "recall": "recall",
    "macro_f1": "macro-F1",
    "f1_best_threshold": "F1 at the best threshold",
}
"""Names of the scores and how sentences call them; the first is the one to read first."""


def prevalence_weights(
    codes: NDArray[np.intp], targets: NDArray[np.intp], prevalence: float | None
) -> NDArray[np.float64]:
    r"""Return weights of test cells with which every target has the given prevalence.

    .. math:: w_i = \frac{p \, n_0}{(1 - p \, T) \, n_t} \text{ for cells of target } t, \quad 1 \text{ otherwise}

    with :math:`T` targets and :math:`n_0` cells of other types.

    Parameters
    ----------
    codes
        Number of the type of each test cell, (n_cells,).
    targets
        Numbers of the target types.
    prevalence
        Share of the weight of each target, :math:`p`; ``None`` gives every cell the weight 1.

    Returns
    -------
    numpy.ndarray
        Weights, (n_cells,), float64.
    """
    weights = np.ones(len(codes))
    if prevalence is None:
        return weights
    n_others = int((~np.isin(codes, targets)).sum())
    for target in targets:
        of_target = codes == target
        weights[of_target] = prevalence * n_others / (1 - prevalence * len(targets)) / of_target.sum()
    return weights


def score_type(
    probabilities: NDArray[np.float64], codes: NDArray[np.intp], target: int, weights: NDArray[np.float64]
) -> dict[str, float]:
    r"""Score how well a type is found.

    AUPRC, :math:`\sum_k (R_k - R_{k-1}) P_k`, uses the ranking of the cells by the target's probability and no
    threshold. F1 and recall use the threshold that the classifier comes with: the most probable type wins.

    Parameters
    ----------
    probabilities
        Probability of each type, (n_cells, n_types).
    codes
        Number of the real type of each cell, (n_cells,).
    target
        Number of the type in question.
    weights
        Weight of each cell, (n_cells,).

    Returns
    -------
    dict
        A value in [0, 1] for each name of ``SCORES``. ``macro_f1`` is the mean F1 over the types among the test
        cells. ``f1_best_threshold`` is the largest F1 over all thresholds on *these* cells: what F1 could be with
        a perfectly set threshold, an upper bound and no score that a user can reach.

    References
    ----------
    Saito and Rehmsmeier, The precision-recall plot is more informative than the ROC plot when evaluating binary
    classifiers on imbalanced datasets, 2015, doi:10.1371/journal.pone.0118432.
    """
    is_target, score = codes == target, probabilities[:, target]
    called, n_types = probabilities.argmax(axis=1), probabilities.shape[1]
    right = np.where(called == codes, weights, 0.0)
    hits = np.bincount(codes, right, n_types)
    found, there = (np.bincount(each, weights, n_types) for each in (called, codes))
    f1 = 2 * hits / np.maximum(found + there, np.finfo(float).tiny)
    precisions, recalls, _ = precision_recall_curve(is_target, score, sample_weight=weights)
    best = 2 * precisions * recalls / np.maximum(precisions + recalls, np.finfo(float).tiny)
    return {
        "auprc": float(-np.diff(recalls) @ precisions[:-1]),
        "f1": float(f1[target]),
        "recall": float(hits[target] / there[target]),
        "macro_f1": float(f1[np.unique(codes)].mean()),
        "f1_best_threshold": float(best.max()),
    }
