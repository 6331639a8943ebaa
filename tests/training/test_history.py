"""The history table."""

import json

import numpy as np
import pandas as pd

from scgarage.training import History


def filled() -> History:
    history = History()
    history.add({"a/loss": 1.0, "b/loss": 4.0})
    history.add({"a/loss": 3.0})
    history.record(2)
    history.add({"a/loss": 5.0})
    history.record(3, {"validation/score": 0.5})
    history.add({"a/loss": 7.0})
    return history


def test_values_are_averaged_between_records():
    expected = pd.DataFrame(
        {
            "step": [2, 3],
            "a/loss": [2.0, 5.0],
            "b/loss": [4.0, np.nan],
            "validation/score": [np.nan, 0.5],
        }
    )
    pd.testing.assert_frame_equal(filled().frame(), expected)


def test_state_survives_json_with_an_open_window():
    history = filled()
    again = History.from_state(json.loads(json.dumps(history.state())))
    for each in (history, again):
        each.add({"a/loss": 9.0})
        each.record(5)
    pd.testing.assert_frame_equal(again.frame(), history.frame())
    assert again.frame()["a/loss"].iloc[-1] == 8.0


def test_restored_state_is_a_copy():
    history = filled()
    state = history.state()
    again = History.from_state(state)
    again.add({"a/loss": 9.0})
    again.record(5)
    assert len(history.frame()) == 2


def test_empty_history_has_a_step_column():
    assert list(History().frame().columns) == ["step"]
