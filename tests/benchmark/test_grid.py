"""Settings of a grid become a model, with the types that the model wants."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from scgarage.benchmark import read_grid
from scgarage.benchmark.grid import make_contestant
from scgarage.errors import InputError
from scgarage.models import MODELS


def test_settings_arrive_and_the_seed_is_the_grids():
    config = make_contestant("garage", {"hidden": [16, 8], "n_factors": 4}, 7).config
    assert (config.hidden, config.n_factors, config.random_state) == ((16, 8), 4, 7)


def test_a_number_in_the_wrong_place_is_refused():
    with pytest.raises(InputError, match="n_factors"):
        make_contestant("garage", {"n_factors": 2.5})


def test_models_with_a_package_of_their_own_may_take_part():
    assert make_contestant("scvi", {"n_latent": 4}, 3).config.random_state == 3
    with pytest.raises(InputError, match=r"expected one of: garage, .*scvi"):
        make_contestant("scv", {})


def test_grid_of_the_documentation_can_be_read(tmp_path):
    grid = Path(__file__).parents[2] / "experiments" / "models.yaml"
    for name in re.findall(r"path: (data/\S+),", text := grid.read_text(encoding="utf-8")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "models.yaml").write_text(text, encoding="utf-8")
    read = read_grid(tmp_path / "models.yaml")
    assert {entry.model for entry in read.models} == {*MODELS}
    assert len(read.data) >= 4
    assert len(read.seeds) >= 3


def test_only_takes_what_is_named(grid):
    assert [cell.id for cell in grid.cells({"model": {"smote"}, "seed": {"1"}})] == ["sim/smote/1"]


@pytest.mark.parametrize(
    ("only", "text"),
    [
        ({"model": {"gan"}}, "model=gan is not in .*expected garage, smote"),
        ({"seed": {"7"}}, "seed=7"),
        ({"x": {"y"}}, "x=y is not in"),
    ],
)
def test_only_refuses_what_is_not_there(grid, only, text):
    with pytest.raises(InputError, match=text):
        grid.cells(only)


def test_a_cell_is_found_by_its_id(grid):
    cell = grid.cell("sim/smote/1")
    assert (cell.data.name, cell.model.name, cell.seed) == ("sim", "smote", 1)
    with pytest.raises(InputError, match="expected DATA/MODEL/SEED"):
        grid.cell("smote")


def test_the_key_is_that_of_the_settings(grid):
    cell = grid.cells()[0]
    changed = [
        replace(cell, seed=1),
        replace(cell, data=replace(cell.data, layer="counts")),
        replace(cell, model=replace(cell.model, params={"n_factors": 5})),
        replace(cell, judging=replace(cell.judging, n_top_genes=51)),
    ]
    assert len({cell.key, *(other.key for other in changed)}) == 5
    assert replace(cell, folder=cell.folder / "elsewhere").key == cell.key


def test_the_key_does_not_depend_on_the_order_in_the_file(grid, plan, write_plan):
    params = plan["models"][0]["params"]
    plan["models"][0]["params"] = dict(reversed(params.items()))
    plan["models"].reverse()
    assert read_grid(write_plan(plan)).cell("sim/garage/1").key == grid.cell("sim/garage/1").key


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
