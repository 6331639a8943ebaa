"""What to look at first, on a table made by hand."""

import numpy as np
import pandas as pd
import pytest

from scgarage.benchmark import collect, glance
from scgarage.benchmark.results import GLANCE, Column


def rows(metric, values, *, judge="evaluation", group="all", floor=0.2, model="a", status="done"):
    """One row for each seed."""
    return [
        {
            "data": "d", "model": model, "seed": seed, "status": status, "judge": judge, "metric": metric,
            "group": group, "value": value, "floor": floor,
        }
        for seed, value in enumerate(values)
    ]  # fmt: skip


def found(table, column, model="a"):
    part = table[(table["column"] == column) & (table["model"] == model)]
    assert len(part) == 1
    return part.iloc[0]


def test_multiples_of_the_floor_are_taken_seed_by_seed():
    table = rows("w", [0.4, 0.8])
    table[1]["floor"] = 0.8
    row = found(glance(pd.DataFrame(table), (Column("w, x", ("w",), over_floor=True),)), "w, x")
    assert row["mean"] == pytest.approx((2 + 1) / 2)
    assert row["sd"] == pytest.approx(np.std([2, 1], ddof=1))
    assert row["n_seeds"] == 2


def test_judge_and_group_are_told_apart():
    table = pd.DataFrame(
        rows("m", [0.1])
        + rows("m", [0.5], judge="audit")
        + rows("m", [0.9], group="rare")
        + rows("m", [7.0], group="B")
    )
    columns = (Column("one", ("m",)), Column("two", ("m",), judge="audit"), Column("three", ("m",), group="rare"))
    first = glance(table, columns)
    assert [found(first, name)["mean"] for name in ("one", "two", "three")] == [0.1, 0.5, 0.9]


def test_strongest_of_several_is_chosen_in_each_seed():
    table = pd.DataFrame(rows("x", [0.5, 0.7], judge="audit") + rows("y", [0.6, 0.5], judge="audit"))
    assert found(glance(table, (Column("attack", ("x", "y"), judge="audit"),)), "attack")["mean"] == pytest.approx(0.65)


def test_missing_numbers_and_failed_cells():
    table = pd.DataFrame(
        rows("w", [0.4, 0.6]) + rows("w", [np.nan], model="b") + rows("w", [np.nan], model="c", status="failed")
        + rows("v", [1.0], model="e") + rows("w", [0.3], model="f", floor=0.0)
    )  # fmt: skip
    first = glance(table, (Column("w", ("w",)), Column("w, x", ("w",), over_floor=True)))
    assert set(first["model"]) == {"a", "b", "e", "f"}
    assert [found(first, "w", name)["n_seeds"] for name in "abef"] == [2, 0, 0, 1]
    assert np.isnan(found(first, "w", "e")["mean"])
    assert np.isnan(found(first, "w, x", "f")["mean"]), "no multiple of nothing"


def test_every_model_that_is_done_has_every_column(grid, out):
    first = glance(collect(grid, out))
    assert set(first["model"]) == {"garage", "smote"}
    assert (first.groupby("model").size() == len(GLANCE)).all()


def test_nothing_run_yet(grid, tmp_path):
    assert glance(collect(grid, tmp_path)).empty
