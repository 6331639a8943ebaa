import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError
from scgarage.metrics.metric import check_labels, check_mask, check_points


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
