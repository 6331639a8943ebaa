import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError, OutputExistsError


def test_frame_puts_what_tells_evaluations_apart_first(evaluation, third_party):
    frame = evaluation.to_frame()
    assert list(frame.columns)[:5] == ["dataset", "model", "model_seed", "n_train", "judge_seed"]
    assert set(frame["model"]) == {"garage-test"}
    assert set(frame["n_train"]) == {evaluation.split.train.n_obs}
    pd.testing.assert_frame_equal(frame[evaluation.table.columns], evaluation.table)
    both = pd.concat([frame, third_party.to_frame()])
    assert both["model"].isna().sum() == len(third_party.table)


def test_frame_is_a_copy(evaluation):
    before = evaluation.table["value"].copy()
    frame = evaluation.to_frame()
    frame["value"] = 0.0
    pd.testing.assert_series_equal(evaluation.table["value"], before)


def test_json_holds_everything_and_no_nan(evaluation, tmp_path):
    path = evaluation.save(tmp_path / "evaluation.json")
    saved = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert set(saved) == {"verdict", "settings", "split", "model", "table", "by_type", "confusion"}
    assert saved["verdict"]["headline"] == evaluation.verdict().headline
    assert saved["verdict"]["sentences"] == evaluation.verdict().sentences
    assert saved["model"]["parameters"]["optimiser"]["learning_rate"] == 2e-4
    assert "history" not in saved["model"]
    table = pd.DataFrame(saved["table"])
    np.testing.assert_allclose(table["value"].astype(float), evaluation.table["value"])
    assert list(table.columns) == list(evaluation.table.columns)
    with pytest.raises(OutputExistsError):
        evaluation.save(path)


def test_arrays_and_odd_values_of_a_record_fit_into_json(evaluation, tmp_path):
    cells = evaluation.synthetic.copy()
    cells.uns["scgarage"] = {
        "model": "theirs",
        "jitter": np.float32(0.5),
        "types": np.array(["B", "T"], dtype=object),
        "range": (1, np.inf),
        "when": pd.Timestamp("2026-01-02"),
        3: np.bool_(1),
    }
    path = replace(evaluation, synthetic=cells).save(tmp_path / "evaluation.json")
    assert json.loads(path.read_text())["model"] == {
        "model": "theirs",
        "jitter": 0.5,
        "types": ["B", "T"],
        "range": [1, None],
        "when": "2026-01-02 00:00:00",
        "3": True,
    }


def test_files_of_other_commands_must_be_what_they_say(tmp_path):
    from scgarage.cli.judge import _read_csv

    empty = tmp_path / "empty.csv"
    empty.write_text("")
    with pytest.raises(InputError, match="no table that scgarage wrote"):
        _read_csv(str(empty))
