"""The random forests of the published rare-cell experiment."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score, recall_score

from scgarage.utility.training_set import TrainingSet

__all__ = ["FORESTS", "score_forests"]

FORESTS: Mapping[str, Mapping[str, Any]] = {
    "10 trees, depth 5": {"n_estimators": 10, "max_depth": 5, "max_features": 0.25, "bootstrap": False},
    "100 trees": {"n_estimators": 100},
}
"""The two published forests by name. GARAGE always got the second; the first, weakened one went to "Real only" (Yan,
Pollen), GAN (Pollen) and LSH-GAN (Pollen, CBMC). Here every method gets both."""


def score_forests(
    train: TrainingSet, test: NDArray[np.float32], codes: NDArray[np.intp], target: int, *, random_state: int
) -> dict[str, dict[str, float]]:
    """Train both forests and score how well they find a type.

    Parameters
    ----------
    train
        Training cells.
    test
        log1p CP10k of the test cells, (n_cells, n_genes).
    codes
        Number of the type of each test cell, (n_cells,).
    target
        Number of the type.
    random_state
        Seed of the forests.

    Returns
    -------
    dict
        For each name of :data:`FORESTS` ``rare_recall`` and ``rare_f1`` of the type, and ``macro_f1``, the mean F1 of
        the types that occur among the test cells or the predictions; all in [0, 1].
    """
    scores = {}
    for name, parameters in FORESTS.items():
        forest = RandomForestClassifier(**parameters, random_state=random_state, n_jobs=1)
        called = forest.fit(train.log_expr, train.codes).predict(test)
        only = {"labels": [target], "average": "macro", "zero_division": 0}
        scores[name] = {
            "rare_recall": float(recall_score(codes, called, **only)),
            "rare_f1": float(f1_score(codes, called, **only)),
            "macro_f1": float(f1_score(codes, called, average="macro", zero_division=0)),
        }
    return scores
