"""Records of cells survive as JSON; a damaged one counts as none."""

import json

import numpy as np
import pytest

from scgarage.benchmark.run import failed_record, is_done, read_record, write_record


def test_numbers_survive_and_missing_ones_are_null(grid, tmp_path):
    cell = grid.cells()[0]
    row = {"value": np.float64(0.5), "floor": float("nan"), "n": np.int64(3), "more": (float("inf"), "x")}
    write_record({"key": cell.key, "status": "done", "rows": [row]}, cell, tmp_path)
    record = read_record(cell, tmp_path)
    assert record["rows"] == [{"value": 0.5, "floor": None, "n": 3, "more": [None, "x"]}]
    assert is_done(cell, tmp_path)
    assert [path.name for path in (tmp_path / "cells").iterdir()] == [cell.record_path(tmp_path).name]


def test_a_failed_cell_is_not_done(grid, tmp_path):
    cell = grid.cells()[0]
    write_record(failed_record(cell, "why"), cell, tmp_path)
    assert read_record(cell, tmp_path)["error"] == "why"
    assert not is_done(cell, tmp_path)


@pytest.mark.parametrize("content", ["", '{"status": "done"', "[]", json.dumps({"key": "other", "status": "done"})])
def test_a_damaged_record_counts_as_none(grid, tmp_path, content):
    cell = grid.cells()[0]
    path = cell.record_path(tmp_path)
    path.parent.mkdir()
    path.write_text(content)
    assert read_record(cell, tmp_path) is None
