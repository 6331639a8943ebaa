import numpy as np
import pandas as pd
import pytest

from scgarage.models.spec import parse_spec


@pytest.mark.parametrize("number", [5, np.int64(5), np.uint8(5)])
def test_whole_numbers_of_any_kind(number):
    assert parse_spec(number, ["B"]) == 5


def test_tables_of_any_kind_and_zeros_left_out():
    expected = {"B": 3}
    assert parse_spec({"B": 3, "T": 0}, ["B", "T"]) == expected
    assert parse_spec(pd.Series({"B": 3, "T": 0}), ["B", "T"]) == expected
    assert parse_spec(pd.Series(["B"] * 3).value_counts(), ["B", "T"]) == expected
