import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scgarage.judge.rare.scores import BEST, best_pipelines, paired_difference, summarise


def tidy(values):
    """Make a table from {(data set, split, comparator, pipeline): (AUPRC of target a, of target b)}."""
    kinds = {"gen": "synthetic", "gen alone": "synthetic-only"}
    rows = [
        {
            "data_set": data_set,
            "setting": "5 training cells",
            "split": split,
            "target": target,
            "k": 5,
            "comparator": comparator,
            "kind": kinds.get(comparator, "comparator"),
            "pipeline": pipeline,
            "metric": "auprc",
            "value": value,
        }
        for (data_set, split, comparator, pipeline), pair in values.items()
        for target, value in zip("ab", pair, strict=True)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    levels = {
        ("none", "knn"): 0.4,
        ("ros", "knn"): 0.5,
        ("gen", "knn"): 0.6,
        ("balanced-pca", "shrunk-lda"): 0.8,
        ("none", "shrunk-lda"): 0.85,
        ("ros", "shrunk-lda"): 0.7,
        ("gen", "shrunk-lda"): 0.75,
        ("balanced-pca", "knn"): 0.3,
    }
    return tidy(
        {
            (data_set, split, comparator, pipeline): level + rng.normal(0, 0.01, size=2)
            for data_set in ("one", "two", "three")
            for split in range(8)
            for (comparator, pipeline), level in levels.items()
        }
    )


def test_intervals_match_scipy():
    rng = np.random.default_rng(1)
    index = pd.MultiIndex.from_product([["one", "two", "three"], range(40)], names=["data_set", "split"])
    values = pd.Series(rng.normal(0.1, 0.2, size=120), index=index)
    found = paired_difference(values)
    means = values.groupby(level=0, sort=False).mean().to_numpy()
    assert found["difference"] == pytest.approx(means.mean())
    expected = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert (found["t_low"], found["t_high"]) == pytest.approx(tuple(expected))
    groups = [values.loc[name].to_numpy() for name in ("one", "two", "three")]
    standard_error = np.sqrt(sum(group.var() / 40 for group in groups)) / 3
    assert (found["high"] - found["low"]) / 2 == pytest.approx(1.96 * standard_error, rel=0.08)
    assert (found["n_splits"], found["n_data_sets"]) == (40, 3)
    assert found["n_positive"] == (means > 0).sum()


@pytest.mark.parametrize("n_splits", [1, 4])
def test_few_splits_or_one_data_set_give_no_interval(n_splits):
    index = pd.MultiIndex.from_product([["one"], range(n_splits)], names=["data_set", "split"])
    found = paired_difference(pd.Series(0.2, index=index))
    assert found["difference"] == pytest.approx(0.2)
    assert np.isnan([found[name] for name in ("low", "high", "t_low", "t_high")]).all()


def test_summary_pairs_each_generator_with_each_comparator_and_the_best(table):
    rows = summarise(table)
    assert len(rows) == 2 * 4
    knn = rows[rows["pipeline"] == "knn"].set_index("against")
    assert knn.loc[BEST, "comparator"] == "ros"
    assert rows[rows["pipeline"] == "shrunk-lda"].set_index("against").loc[BEST, "comparator"] == "none"
    means = table[table["pipeline"] == "knn"].groupby("comparator")["value"].mean()
    for against in ("none", "ros", "balanced-pca"):
        assert knn.loc[against, "difference"] == pytest.approx(means["gen"] - means[against])
    assert (knn[["low", "t_low"]] > 0).all(axis=None)


def test_best_pipelines_are_the_highest_of_each_side(table):
    rows = best_pipelines(table, "auprc").set_index("against")
    assert rows.loc[BEST, ["comparator", "comparator_pipeline"]].tolist() == ["none", "shrunk-lda"]
    assert rows.loc[BEST, ["synthetic", "pipeline"]].tolist() == ["gen", "shrunk-lda"]
    assert rows.loc[BEST, "difference"] == pytest.approx(rows.loc[BEST, "value"] - rows.loc[BEST, "comparator_value"])
    to_beat = rows.loc["balanced-pca + shrunk-lda"]
    assert to_beat["comparator_value"] == pytest.approx(0.8, abs=0.01)
    assert to_beat["high"] < 0


def test_the_order_of_rows_does_not_matter(table):
    keys = ["pipeline", "synthetic", "against"]
    first = summarise(table).sort_values(keys, ignore_index=True)
    shuffled = summarise(table.sample(frac=1, random_state=0)).sort_values(keys, ignore_index=True)
    columns = ["pipeline", "against", "comparator", "value", "difference", "t_low", "t_high"]
    pd.testing.assert_frame_equal(first[columns], shuffled[columns])


def test_without_generators_there_is_no_difference(table):
    real = table[table["kind"] == "comparator"]
    assert summarise(real).empty
    assert "difference" not in best_pipelines(real, "auprc")
