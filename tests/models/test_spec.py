import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError
from scgarage.models.spec import parse_spec

TYPES, BATCHES = ("B", "NK", "T"), ("x", "y")


def parsed(spec, **settings):
    return parse_spec(spec, TYPES, batches=BATCHES, **settings)


@pytest.mark.parametrize("number", [5, np.int64(5), np.uint8(5)])
def test_whole_numbers_of_any_kind(number):
    assert parse_spec(number, ["B"]) == 5


def test_tables_of_any_kind_and_zeros_left_out():
    expected = {"B": 3}
    assert parse_spec({"B": 3, "T": 0}, ["B", "T"]) == expected
    assert parse_spec(pd.Series({"B": 3, "T": 0}), ["B", "T"]) == expected
    assert parse_spec(pd.Series(["B"] * 3).value_counts(), ["B", "T"]) == expected


def test_data_frames_give_numbers_by_type_and_batch():
    table = pd.DataFrame({"x": [3, 0], "y": [1, 2]}, index=["T", "B"])
    expected = {("T", "x"): 3, ("T", "y"): 1, ("B", "y"): 2}
    assert parsed(table) == expected
    assert parsed(table.iloc[::-1, ::-1]) == expected


def test_a_batch_goes_with_every_type():
    assert parsed({"T": 3, "B": 0}, batch="y") == {("T", "y"): 3}


@pytest.mark.parametrize("number", [1, 2, 10, 11, 97, 1000])
def test_balanced_numbers_differ_by_one_at_most(number):
    wanted = parsed(number, proportions="balanced")
    counts = [wanted.get(name, 0) for name in TYPES]
    assert sum(counts) == number
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("number", [1, 7, 100, 12_345])
def test_shares_are_kept_by_largest_remainders(number):
    shares = {"B": 0.29, "NK": 0.01, "T": 0.7}
    wanted = parsed(number, proportions=shares)
    assert sum(wanted.values()) == number
    assert all(abs(wanted.get(name, 0) - share * number) < 1 for name, share in shares.items())


def test_the_largest_remainder_gets_what_is_left():
    assert parsed(10, proportions={"B": 0.38, "NK": 0.33, "T": 0.29}) == {"B": 4, "NK": 3, "T": 3}
    assert parsed(1, proportions={"B": 0.2, "T": 0.8}) == {"T": 1}


def test_shares_that_add_up_nearly_still_give_the_number():
    """A millionth of ten million cells is ten cells."""
    assert parsed(10_000_000, proportions={"B": 0.5000004, "T": 0.5000004}) == {"B": 5_000_000, "T": 5_000_000}


def test_a_number_in_one_batch_has_the_types_of_the_training_cells():
    counts = {"B": 50, "NK": 20, "T": 130}
    assert parsed(20, batch="x", type_counts=counts) == {("B", "x"): 5, ("NK", "x"): 2, ("T", "x"): 13}
    assert parsed(20, type_counts=counts) == 20
    assert parsed(3, batch="y", proportions="balanced", type_counts=counts) == dict.fromkeys(
        [(name, "y") for name in TYPES], 1
    )


@pytest.mark.parametrize(
    ("spec", "settings", "match"),
    [
        (5, {"batch": "z"}, "knows no batch 'z'; its batches: 'x', 'y'"),
        (5, {"proportions": "equal"}, "expected 'train', 'balanced'"),
        (5, {"proportions": {"B": 0.5, "T": 0.4}}, "add up to 1"),
        (5, {"proportions": {"B": 1.5, "T": -0.5}}, "at least 0"),
        (5, {"proportions": {"B": np.nan, "T": 1.0}}, "at least 0"),
        (5, {"proportions": {"B": 0.5, "plasma": 0.5}}, "knows no type 'plasma'"),
        (pd.DataFrame({"z": [1]}, index=["B"]), {}, "knows no batch 'z'"),
        (pd.DataFrame({"x": [1]}, index=["plasma"]), {}, "knows no type 'plasma'"),
        (pd.DataFrame({"x": [1.5]}, index=["B"]), {}, "the number of 'B' cells in 'x'"),
        (pd.DataFrame({"x": [-1]}, index=["B"]), {}, "whole number of at least 0"),
        (pd.DataFrame({"x": [0]}, index=["B"]), {}, "add up to zero"),
        (pd.DataFrame({"x": [1]}, index=["B"]), {"batch": "x"}, "leave batch='x' out"),
        (pd.DataFrame({"x": [1, 2]}, index=["B", "B"]), {}, "more than once: 'B'"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"], index=["B"]), {}, "more than once: 'x'"),
        (pd.Series([1, 2], index=["B", "B"]), {}, "more than once: 'B'"),
    ],
)
def test_odd_requests_are_refused(spec, settings, match):
    with pytest.raises(InputError, match=match):
        parsed(spec, **settings)


def test_models_without_batches_or_types_say_so():
    with pytest.raises(InputError, match="fitted without batch_key"):
        parse_spec(5, TYPES, batch="x")
    for settings in ({"proportions": "balanced"}, {"batch": "x"}):
        with pytest.raises(InputError, match="without cell types"):
            parse_spec(5, (), batches=BATCHES, **settings)
    with pytest.raises(InputError, match="it knows: none"):
        parse_spec({"B": 3}, ())
