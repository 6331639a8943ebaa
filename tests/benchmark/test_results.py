"""What to look at first, on a table made by hand."""

import importlib.util

import numpy as np
import pandas as pd
import pytest

from scgarage.benchmark import collect, glance, mean_ranks, summarise, write_results
from scgarage.benchmark.results import COLUMNS, GLANCE, Column
from scgarage.errors import MissingExtraError


def rows_glance(metric, values, *, judge="evaluation", group="all", floor=0.2, model="a", status="done"):
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
    table = rows_glance("w", [0.4, 0.8])
    table[1]["floor"] = 0.8
    row = found(glance(pd.DataFrame(table), (Column("w, x", ("w",), over_floor=True),)), "w, x")
    assert row["mean"] == pytest.approx((2 + 1) / 2)
    assert row["sd"] == pytest.approx(np.std([2, 1], ddof=1))
    assert row["n_seeds"] == 2


def test_judge_and_group_are_told_apart():
    table = pd.DataFrame(
        rows_glance("m", [0.1])
        + rows_glance("m", [0.5], judge="audit")
        + rows_glance("m", [0.9], group="rare")
        + rows_glance("m", [7.0], group="B")
    )
    columns = (Column("one", ("m",)), Column("two", ("m",), judge="audit"), Column("three", ("m",), group="rare"))
    first = glance(table, columns)
    assert [found(first, name)["mean"] for name in ("one", "two", "three")] == [0.1, 0.5, 0.9]


def test_strongest_of_several_is_chosen_in_each_seed():
    table = pd.DataFrame(rows_glance("x", [0.5, 0.7], judge="audit") + rows_glance("y", [0.6, 0.5], judge="audit"))
    assert found(glance(table, (Column("attack", ("x", "y"), judge="audit"),)), "attack")["mean"] == pytest.approx(0.65)


def test_missing_numbers_and_failed_cells():
    table = pd.DataFrame(
        rows_glance("w", [0.4, 0.6])
        + rows_glance("w", [np.nan], model="b")
        + rows_glance("w", [np.nan], model="c", status="failed")
        + rows_glance("v", [1.0], model="e") + rows_glance("w", [0.3], model="f", floor=0.0)
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


def rows_ranking(values, *, better="lower", metric="m", score=0.5, data="d"):
    """One row for each model and seed."""
    return pd.DataFrame([
        {
            "data": data, "model": model, "seed": seed, "judge": "evaluation", "metric": metric, "title": metric,
            "group": "all", "value": value, "floor": 0.1, "null": 1.0, "score": score, "better": better,
        }
        for model, seeds in values.items()
        for seed, value in enumerate(seeds)
    ])  # fmt: skip


def test_mean_sd_and_seeds_of_the_grid(grid, out):
    table = summarise(collect(grid, out)).set_index("model")
    assert table.loc["garage", "mean"] == pytest.approx(0.3)
    assert table.loc["garage", "sd"] == pytest.approx(np.std([0.2, 0.4], ddof=1))
    assert table["n_seeds"].to_dict() == {"garage": 2, "smote": 1}
    assert np.isnan(table.loc["smote", "sd"])
    assert table["rank"].to_dict() == {"garage": 1.0, "smote": 2.0}


@pytest.mark.parametrize(
    ("better", "expected"), [("lower", [1, 2, 3]), ("higher", [3, 2, 1]), ("target 0.5", [2, 1, 3])]
)
def test_ranks_go_the_way_of_the_metric(better, expected):
    table = summarise(rows_ranking({"a": [0.2], "b": [0.6], "c": [0.9]}, better=better))
    assert table["rank"].tolist() == expected


def test_equal_models_share_a_rank_and_one_without_a_value_has_none():
    table = summarise(rows_ranking({"a": [0.2], "b": [0.2], "c": [0.9], "d": [np.nan]}))
    assert table["rank"].tolist()[:3] == [1, 1, 3]
    assert np.isnan(table["rank"].iloc[3])


def test_ranks_do_not_depend_on_the_order_of_rows_or_on_other_data_sets():
    one = rows_ranking({"a": [0.2, 0.3], "b": [0.6, 0.1], "c": [0.5, 0.5]})
    both = pd.concat([one, rows_ranking({"a": [9.0], "b": [0.0]}, data="e")]).sample(frac=1, random_state=0)
    ranks = summarise(both).query("data == 'd'").set_index("model")["rank"]
    assert ranks.to_dict() == summarise(one).set_index("model")["rank"].to_dict()


def test_mean_ranks_leave_out_metrics_that_say_nothing():
    table = summarise(
        pd.concat(
            [
                rows_ranking({"a": [0.2], "b": [0.3]}, metric="good"),
                rows_ranking({"a": [0.9], "b": [0.3]}, metric="no score", score=np.nan),
                rows_ranking({"a": [0.9], "b": [np.nan]}, metric="not all"),
            ]
        )
    )
    ranks = mean_ranks(table)
    assert ranks["model"].tolist() == ["a", "b"]
    assert ranks["mean_rank"].tolist() == [1.0, 2.0]
    assert ranks["n_metrics"].tolist() == [1, 1]


def test_nothing_done_gives_empty_tables(grid, tmp_path):
    table = summarise(collect(grid, tmp_path))
    assert table.empty
    assert mean_ranks(table).empty


def test_every_cell_has_its_rows(grid, out):
    table = collect(grid, out)
    assert tuple(table.columns) == COLUMNS
    counts = table.groupby(["model", "seed"]).size()
    assert counts.to_dict() == {("garage", 0): 2, ("garage", 1): 2, ("smote", 0): 2, ("smote", 1): 1}
    judged = table.query("judge == 'evaluation'")
    assert judged["value"].tolist() == [0.2, 0.4, 0.5]
    assert (judged["fit_seconds"] == 2.0).all()
    failed = table[table["status"] == "failed"].iloc[0]
    assert failed["error"] == "InputError: <b>too few</b>"
    assert failed["metric"] is None


def test_cells_without_a_record_are_not_run(grid, tmp_path):
    assert set(collect(grid, tmp_path)["status"]) == {"not run"}


def test_csv_reads_back(grid, out):
    table = collect(grid, out)
    path = write_results(table, out, format="csv")
    again = pd.read_csv(path)
    pd.testing.assert_series_equal(again["value"], table["value"])
    assert again["status"].tolist() == table["status"].tolist()
    assert write_results(table, out, format="csv") == path


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="needs the extra benchmark (pyarrow)")
def test_parquet_reads_back_as_it_was(grid, out):
    table = collect(grid, out)
    pd.testing.assert_frame_equal(pd.read_parquet(write_results(table, out)), table)


def test_parquet_without_pyarrow_names_the_way_out(grid, out, monkeypatch):
    monkeypatch.setattr("scgarage.benchmark.results.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"scgarage\[benchmark\].*--format csv"):
        write_results(collect(grid, out), out)
    assert not (out / "results.parquet").exists()
