import numpy as np
import pytest

from scgarage.judge.legacy import FORESTS
from scgarage.judge.legacy.rare_cells import score_forests
from scgarage.judge.rare.augmenters import TrainingSet


def test_types_far_apart_are_found():
    values = np.repeat([[0.0, 5.0], [5.0, 0.0]], [30, 10], axis=0).astype(np.float32)
    codes = np.repeat([0, 1], [30, 10])
    scores = score_forests(TrainingSet(values, codes, 2), values, codes, 1, random_state=0)
    assert list(scores) == list(FORESTS)
    for found in scores.values():
        assert found == {"rare_recall": 1.0, "rare_f1": 1.0, "macro_f1": 1.0}


def test_scores_of_a_forest_that_knows_one_type_only():
    values = np.zeros((4, 2), dtype=np.float32)
    train = TrainingSet(values, np.zeros(4, dtype=np.intp), 2)
    scores = score_forests(train, values, np.array([0, 0, 0, 1]), 1, random_state=0)
    # The abundant type: three hits, one false alarm.
    for found in scores.values():
        assert found == pytest.approx({"rare_recall": 0.0, "rare_f1": 0.0, "macro_f1": (2 * 3 / 7 + 0) / 2})


def test_recall_and_f1_are_counted_by_hand():
    # One gene tells the types; two of three rare test cells look abundant and one abundant cell looks rare.
    train = np.repeat([[0.0], [1.0]], 20, axis=0).astype(np.float32)
    codes = np.repeat([0, 1], 20)
    test = np.array([[1], [0], [0], [1], [0], [0]], dtype=np.float32)
    scores = score_forests(TrainingSet(train, codes, 2), test, np.array([1, 1, 1, 0, 0, 0]), 1, random_state=0)
    expected = {"rare_recall": 1 / 3, "rare_f1": 2 / 5, "macro_f1": (2 / 5 + 4 / 7) / 2}
    for found in scores.values():
        assert found == pytest.approx(expected)


def test_the_weakened_forest_is_the_published_one():
    weak = {"n_estimators": 10, "max_depth": 5, "max_features": 0.25, "bootstrap": False}
    assert FORESTS["10 trees, depth 5"] == weak
    assert FORESTS["100 trees"] == {"n_estimators": 100}
