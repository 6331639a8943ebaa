"""Cells have names, and a hash of everything that decides their result."""

from dataclasses import replace

import pytest

from scgarage.benchmark import read_grid
from scgarage.errors import InputError


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
