"""A grid's file is read strictly, and every error names the field."""

import pytest

from scgarage.benchmark import read_grid
from scgarage.errors import InputError


def test_all_combinations_in_the_order_of_the_file(grid):
    assert [cell.id for cell in grid.cells()] == ["sim/garage/0", "sim/garage/1", "sim/smote/0", "sim/smote/1"]
    assert grid.judging.metrics == ("sliced_wasserstein", "coverage")
    assert grid.data[0].layer is None


def test_evaluation_can_be_left_out(plan, write_plan):
    del plan["evaluation"]
    assert read_grid(write_plan(plan)).judging.profile == "full"


def test_the_bundled_cells_need_no_file(plan, write_plan):
    plan["data"][0]["path"] = "pbmc68k"
    assert read_grid(write_plan(plan)).data[0].path == "pbmc68k"


def change(plan, path, value):
    *way, last = path
    for step in way:
        plan = plan[step]
    plan[last] = value


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (["data"], [], r"grid.yaml: data is \[\]; expected a list"),
        (["data", 0], "cells.h5ad", r"data\[0\] is 'cells.h5ad'; expected fields"),
        (["data", 0], {"name": "sim", "path": "sim.h5ad"}, r"data\[0\].labels_key is missing"),
        (["data", 0, "labels_key"], 3, r"data\[0\].labels_key is 3; expected a text"),
        (["data", 0, "path"], "none.h5ad", r"data\[0\].path is 'none.h5ad', and .* does not exist"),
        (["data", 0, "label_key"], "x", r"data\[0\] has no field 'label_key'; it has: name, path, labels_key"),
        (["data", 0, "name"], "a--b", r"data\[0\].name is 'a--b'; expected letters"),
        (["data", 0, "name"], "../a", r"data\[0\].name is '../a'; expected letters"),
        (["models", 1, "name"], "garage", r"models has the name 'garage' more than once"),
        (["models", 1, "model"], "magic", r"models\[1\].model is 'magic'; expected one of: garage"),
        (["models", 0, "params"], {"n_factor": 2}, r"models\[0\].params has 'n_factor', which garage has not"),
        (["models", 0, "params"], {"n_factors": "many"}, r"models\[0\].params: .*n_factors"),
        (["models", 0, "params"], {"random_state": 1}, r"models\[0\].params has random_state; it comes from the seeds"),
        (["models", 0, "params"], [1], r"models\[0\].params is \[1\]; expected settings"),
        (["seeds"], [0, 0], r"seeds is \[0, 0\]; expected different whole numbers"),
        (["seeds"], [True], r"seeds is \[True\]; expected different whole numbers"),
        (["seeds"], 3, r"seeds is 3; expected a list"),
        (["evaluation", "profile"], "fast", r"evaluation.profile is 'fast'; expected one of: quick, full"),
        (["evaluation", "n_repeats"], 0, r"evaluation.n_repeats is 0; expected a whole number"),
        (["evaluation", "metrics"], ["beauty"], r"evaluation.metrics has 'beauty'; expected names among"),
        (["outputs"], "here", r"grid.yaml has no field 'outputs'; it has: data, models, seeds, evaluation"),
    ],
)
def test_wrong_fields_are_named(plan, write_plan, path, value, text):
    change(plan, path, value)
    with pytest.raises(InputError, match=text):
        read_grid(write_plan(plan))


@pytest.mark.parametrize("content", ["data: [", "- 1", ""])
def test_what_is_no_mapping_is_refused(write_plan, content):
    with pytest.raises(InputError, match=r"grid\.yaml"):
        read_grid(write_plan(content))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="is no file"):
        read_grid(tmp_path / "none.yaml")
