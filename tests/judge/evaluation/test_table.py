from types import SimpleNamespace

import numpy as np
import pytest

from scgarage.judge.evaluation.comparison import Record
from scgarage.judge.evaluation.table import COLUMNS, score, summarise

QUIET = {"value": 0.0, "floor": 0.0, "null": 0.0}


def numbers(value: float, floor: float, null: float) -> dict[str, float]:
    return {"value": value, "floor": floor, "null": null}


@pytest.mark.parametrize(
    ("means", "better", "expected"),
    [
        (numbers(1.0, 1.0, 3.0), "lower", 0.0),
        (numbers(3.0, 1.0, 3.0), "lower", 1.0),
        (numbers(0.5, 1.0, 3.0), "lower", -0.25),
        (numbers(0.6, 0.9, 0.3), "higher", 0.5),
        (numbers(0.75, 0.5, 1.0), "target 0.5", 0.5),
        (numbers(0.25, 0.5, 1.0), "target 0.5", 0.5),
        (numbers(0.48, 0.52, 0.97), "target 0.5", 0.0),
        (numbers(0.4, 0.8, 0.0), "target 1", 0.5),
        (numbers(1.6, 0.8, 0.0), "target 1", 0.5),
        # The null does no worse than real cells: there is no scale.
        (numbers(1.0, 2.0, 1.5), "lower", np.nan),
        (numbers(0.5, 0.5, 0.9), "higher", np.nan),
    ],
)
def test_score_by_hand(means: dict[str, float], better: str, expected: float) -> None:
    assert score(means, QUIET, better) == pytest.approx(expected, nan_ok=True)


def test_score_needs_a_gap_of_twice_the_noise() -> None:
    means = numbers(2.0, 1.0, 3.0)
    assert np.isnan(score(means, {"value": 0, "floor": 0.8, "null": 0.6}, "lower"))
    assert score(means, {"value": 9, "floor": 0.7, "null": 0.6}, "lower") == 0.5
    assert score(means, dict.fromkeys(means, np.nan), "lower") == 0.5


def test_score_does_not_depend_on_units() -> None:
    means, deviations = numbers(2.0, 1.0, 4.0), numbers(0.1, 0.1, 0.2)
    scaled = [{role: 1000 * number for role, number in n.items()} for n in (means, deviations)]
    assert score(*scaled, "lower") == pytest.approx(score(means, deviations, "lower"))


def some_inputs(**changes) -> SimpleNamespace:
    return SimpleNamespace(**({"labelled": True, "value_kind": "counts"} | changes))


def test_rows_are_means_and_deviations_over_repeats() -> None:
    repeats = [[Record("sliced_wasserstein", "all", 100, numbers(v, 1.0 + 0.1 * v, 9.0))] for v in (2.0, 4.0)]
    table = summarise(repeats, some_inputs(), fresh=True)
    assert tuple(table.columns) == COLUMNS
    row = table.iloc[0]
    assert (row["value"], row["value_sd"], row["n_repeats"], row["n_cells"]) == (3.0, pytest.approx(2**0.5), 2, 100)
    assert row["floor"] == pytest.approx(1.3)
    assert row["score"] == pytest.approx((3 - 1.3) / (9 - 1.3))
    assert row["note"] == ""


def test_one_repeat_has_no_deviation() -> None:
    table = summarise([[Record("coverage", "all", 100, numbers(0.5, 0.9, 0.1))]], some_inputs(), fresh=True)
    assert np.isnan(table.loc[0, "value_sd"])
    assert table.loc[0, "score"] == pytest.approx(0.5)


def test_repeats_with_too_few_cells_are_left_out() -> None:
    nothing = numbers(np.nan, np.nan, np.nan)
    records = [Record("coverage", "pDC", 6, numbers(0.5, 1.0, 0.2)), Record("coverage", "pDC", 4, nothing)]
    some = summarise([[record] for record in records], some_inputs(), fresh=True).iloc[0]
    assert (some["value"], some["n_repeats"], some["n_cells"]) == (0.5, 1, 5)
    none = summarise([[records[1]]] * 2, some_inputs(), fresh=True).iloc[0]
    assert np.isnan(none["value"])
    assert none["n_repeats"] == 0
    assert none["note"] == "too few cells to say (4 held-out cells)"


@pytest.mark.parametrize(
    ("metric", "n_cells", "inputs", "fresh", "note"),
    [
        ("type_proportion_tv", 100, some_inputs(labelled=False), True, "predicted by a classifier"),
        ("coverage", 100, some_inputs(value_kind="log-normalised"), True, "independent normal log values"),
        ("memorisation_share", 100, some_inputs(), False, "floor 0.5 by theory"),
        ("coverage", 15, some_inputs(), True, "only 15 cells per repeat"),
    ],
)
def test_notes_say_what_a_reader_must_know(metric, n_cells, inputs, fresh, note) -> None:
    null = 1.0 if metric != "coverage" else 0.1
    repeats = [[Record(metric, "all", n_cells, numbers(0.6, 0.5, null))]]
    assert note in summarise(repeats, inputs, fresh=fresh).loc[0, "note"]


def test_missing_score_is_explained() -> None:
    repeats = [[Record("recall", "all", 100, numbers(0.5, 0.5, 0.6))]]
    assert "no score" in summarise(repeats, some_inputs(), fresh=True).loc[0, "note"]


def test_a_type_without_enough_cells_on_every_side_says_so() -> None:
    nothing = numbers(np.nan, np.nan, np.nan)
    note = summarise([[Record("lfc_slope", "pDC", 0, nothing)]], some_inputs(), fresh=True).loc[0, "note"]
    assert note == "too few cells to say (held-out, training and synthetic cells: at least 5 of a type each)"
    note = summarise([[Record("type_spread", "pDC", 0, nothing)]], some_inputs(), fresh=True).loc[0, "note"]
    assert note == "too few cells to say (held-out, training and synthetic cells: at least 15 of a type each)"
