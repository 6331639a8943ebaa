import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.metrics.metric import check_typed, nothing, pairs, type_weights


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
