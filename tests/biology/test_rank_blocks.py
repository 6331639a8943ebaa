import numpy as np
import pandas as pd
import pytest

from scgarage.analyses import rank_blocks
from scgarage.errors import InputError


def runs(values, *, metric="m", better="lower", seed=0, score=0.5):
    """One row for each model."""
    return pd.DataFrame({
        "data_set": "d", "seed": seed, "model": list(values), "metric": metric, "group": "all",
        "value": list(values.values()), "score": score, "better": better,
    })  # fmt: skip


TWO = pd.concat([
    runs({"a": 1.0, "b": 2.0, "c": 3.0}),
    runs({"a": 0.1, "b": 0.9, "c": 0.1}, metric="n", better="higher"),
    runs({"a": 0.9, "b": 0.5, "c": 0.2}, seed=1, better="target 0.5"),
])  # fmt: skip


def test_ranks_go_the_way_of_the_metric_and_are_averaged_over_metrics():
    found = rank_blocks(TWO)
    assert found.index.tolist() == [("d", 0), ("d", 1)]
    assert found.columns.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(found, [[(1 + 2.5) / 2, (2 + 1) / 2, (3 + 2.5) / 2], [3, 1, 2]])


def test_order_of_rows_other_groups_and_metrics_without_a_score_do_not_matter():
    silent = runs({"a": 9.0, "b": 0.0, "c": 1.0}, metric="silent", score=np.nan)
    rare = runs({"a": 9.0, "b": 0.0, "c": 1.0}).assign(group="rare")
    other = rank_blocks(pd.concat([rare, silent, TWO.iloc[::-1]]))
    pd.testing.assert_frame_equal(other.sort_index(), rank_blocks(TWO)[other.columns], check_names=False)


def test_blocks_that_lack_a_model_are_left_out():
    assert rank_blocks(TWO[(TWO["seed"] == 0) | (TWO["model"] != "b")]).index.tolist() == [("d", 0)]
    assert rank_blocks(pd.concat([TWO, runs({"d": np.nan})])).empty


def test_missing_columns_are_named():
    with pytest.raises(InputError, match="lack the columns seed, score"):
        rank_blocks(TWO.drop(columns=["seed", "score"]))
