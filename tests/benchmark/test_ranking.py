"""Means over seeds and ranks."""

import numpy as np
import pandas as pd
import pytest

from scgarage.benchmark import collect, mean_ranks, summarise


def rows(values, *, better="lower", metric="m", score=0.5, data="d"):
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
    ("better", "expected"),
    [("lower", [1, 2, 3]), ("higher", [3, 2, 1]), ("target 0.5", [2, 1, 3])],
)
def test_ranks_go_the_way_of_the_metric(better, expected):
    table = summarise(rows({"a": [0.2], "b": [0.6], "c": [0.9]}, better=better))
    assert table["rank"].tolist() == expected


def test_equal_models_share_a_rank_and_one_without_a_value_has_none():
    table = summarise(rows({"a": [0.2], "b": [0.2], "c": [0.9], "d": [np.nan]}))
    assert table["rank"].tolist()[:3] == [1, 1, 3]
    assert np.isnan(table["rank"].iloc[3])


def test_ranks_do_not_depend_on_the_order_of_rows_or_on_other_data_sets():
    one = rows({"a": [0.2, 0.3], "b": [0.6, 0.1], "c": [0.5, 0.5]})
    both = pd.concat([one, rows({"a": [9.0], "b": [0.0]}, data="e")]).sample(frac=1, random_state=0)
    ranks = summarise(both).query("data == 'd'").set_index("model")["rank"]
    assert ranks.to_dict() == summarise(one).set_index("model")["rank"].to_dict()


def test_mean_ranks_leave_out_metrics_that_say_nothing():
    table = summarise(
        pd.concat(
            [
                rows({"a": [0.2], "b": [0.3]}, metric="good"),
                rows({"a": [0.9], "b": [0.3]}, metric="no score", score=np.nan),
                rows({"a": [0.9], "b": [np.nan]}, metric="not all"),
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
