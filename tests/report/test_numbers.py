import numpy as np
import pytest

from scgarage.report.tables import decimals_for, duration, number, with_sd

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ([0.5, 0.01], 3),
        ([1.5], 2),
        ([12.3], 1),
        ([153.2, 2], 0),
        ([98_765], 0),
        ([0.00123], 5),
        ([1e-12], 5),
        ([-2.0], 2),
    ],
)
def test_decimals_give_the_largest_three_digits(values, decimals):
    assert decimals_for(values) == decimals
    assert decimals_for([*values, NAN, 0, np.inf]) == decimals


def test_decimals_without_any_number():
    assert decimals_for([NAN, NAN]) == 2
    assert decimals_for([]) == 2


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.51234, 3, "0.512"),
        (-1.5, 1, "−1.5"),
        (1234567.8, 0, "1,234,568"),
        (-0.0001, 2, "0.00"),
        (NAN, 2, "–"),
        (None, 2, "–"),
    ],
)
def test_numbers_in_print(value, decimals, text):
    assert number(value, decimals) == text


def test_missing_sd_is_left_out():
    assert with_sd(0.5, 0.012, 3) == "0.500 ± 0.012"
    assert with_sd(0.5, NAN, 3) == "0.500"
    assert with_sd(NAN, 0.1, 3) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.6, "1 min 0 s"), (61, "1 min 1 s"), (3600, "1 h 0 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
