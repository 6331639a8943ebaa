from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError
from scgarage.metrics import METRICS
from scgarage.metrics.metric import (
    ARGUMENTS,
    check_labels,
    check_mask,
    check_points,
    check_typed,
    loss,
    nothing,
    pairs,
    type_weights,
)


def test_weights_sum_the_cells_of_each_type() -> None:
    labels = np.array(["T", "B", "new", "T"])
    weights = type_weights(labels, np.array(["B", "NK", "T"]))
    assert weights.toarray().tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1]]
    assert (weights @ np.arange(4.0)[:, None]).ravel().tolist() == [1, 0, 3]


def test_pairs_hold_shared_types_only() -> None:
    sides = check_typed([[1.0], [2.0], [3.0]], ["B", "T", "T"], [[4.0], [5.0]], ["T", "new"])
    found = [(name, real.ravel().tolist(), made.ravel().tolist()) for name, real, made in pairs(*sides)]
    assert found == [("T", [2.0, 3.0], [4.0])]
    assert list(nothing(sides[0][1])) == ["B", "T"]


def test_labels_of_another_length_are_refused() -> None:
    with pytest.raises(InputError, match="real has 1 cells and real_labels 2; expected one label for each"):
        check_typed([[1.0]], ["B", "T"], [[1.0]], ["B"])


def test_points_become_float64_and_keep_their_values() -> None:
    ints, floats = np.arange(6).reshape(3, 2), np.ones((2, 2), dtype=np.float32)
    first, second = check_points(first=ints, second=floats)
    assert first.dtype == second.dtype == np.float64
    assert (first == ints).all()


def test_points_without_columns_are_refused() -> None:
    with pytest.raises(InputError, match=r"real has shape \(3, 0\)"):
        check_points(real=np.zeros((3, 0)))


def test_labels_of_any_container_become_strings() -> None:
    expected = ["1", "2", "1"]
    for labels in ([1, 2, 1], np.array([1, 2, 1]), pd.Series([1, 2, 1], dtype="category")):
        assert check_labels("labels", labels).tolist() == expected


def test_no_mask_means_every_cell() -> None:
    assert check_mask(None, 3).tolist() == [True, True, True]


def test_mask_of_numbers_is_refused() -> None:
    with pytest.raises(InputError, match="dtype int64"):
        check_mask(np.array([0, 1]), 2)


@pytest.mark.parametrize(
    ("value", "better", "expected"),
    [(0.3, "lower", 0.3), (0.3, "higher", -0.3), (0.3, "target 0.5", 0.2), (1.4, "target 1", 0.4)],
)
def test_loss_by_hand(value: float, better: str, expected: float) -> None:
    assert loss(value, better) == pytest.approx(expected)


@pytest.mark.parametrize("better", ["lower", "higher", "target 0.5", "target 1"])
def test_loss_orders_values_by_how_good_they_are(better: str) -> None:
    best, middle, worst = {
        "lower": (0, 1, 2), "higher": (2, 1, 0), "target 0.5": (0.5, 0.8, 0.1), "target 1": (1, 0.8, 1.5),
    }[better]  # fmt: skip
    assert loss(best, better) < loss(middle, better) < loss(worst, better)


def test_arguments_follow_the_space_unless_said_otherwise() -> None:
    metric = METRICS["coverage"]
    assert metric.arguments == ARGUMENTS["pca"]
    assert replace(metric, given="typed pca").arguments == ARGUMENTS["typed pca"]
    with pytest.raises(KeyError):
        _ = replace(metric, given="nonsense").arguments
