import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, f1_score, recall_score

from scgarage.errors import InputError
from scgarage.judge.rare import SCORES, UtilitySettings
from scgarage.judge.rare.scores import (
    BEST,
    best_pipelines,
    folds,
    paired_difference,
    prevalence_weights,
    score_type,
    summarise,
)

CODES = np.repeat([0, 1, 2, 3], [400, 300, 200, 30])


def divided(design, **sizes):
    settings = UtilitySettings(**{"n_splits": 6, "n_training_cells": (5, 20)} | sizes)
    return list(folds(CODES, design, settings, random_state=1))


def test_cut_types_have_the_training_cells_and_the_weight_asked_for():
    found = divided("down-sampling")
    assert [fold.setting for fold in found[:2]] == ["5 training cells", "20 training cells"]
    assert len(found) == 12
    for fold in found:
        n_train = int(fold.setting.split()[0])
        weight = np.bincount(CODES[fold.test], fold.weights) / fold.weights.sum()
        for code, n_cells in enumerate(np.bincount(CODES)):
            if code in fold.targets:
                assert (CODES[fold.train] == code).sum() == n_train
                assert (CODES[fold.test] == code).sum() == n_cells - 20
                assert weight[code] == pytest.approx(0.01)
            else:
                assert (CODES[fold.train] == code).sum() == n_cells / 2


def test_training_and_test_cells_are_never_the_same_and_smaller_sets_are_nested():
    for few, many in zip(divided("down-sampling")[::2], divided("down-sampling")[1::2], strict=True):
        assert not set(many.train) & set(many.test)
        assert set(few.train) < set(many.train)
        np.testing.assert_array_equal(few.test, many.test)


def test_abundant_types_take_turns():
    chosen = np.concatenate([fold.targets for fold in divided("down-sampling")[::2]])
    assert np.bincount(chosen).tolist() == [4, 4, 4]
    assert all(len(set(fold.targets)) == 2 for fold in divided("down-sampling"))


def test_two_types_are_always_left_whole():
    settings = UtilitySettings(n_splits=3, n_training_cells=(5,), n_targets=5)
    assert all(len(fold.targets) == 1 for fold in folds(CODES[:900], "down-sampling", settings, random_state=0))


def test_rare_types_as_they_are_keep_their_share():
    found = divided("as it is")
    assert len(found) == 6
    for fold in found:
        assert fold.targets.tolist() == [3]
        assert (fold.weights == 1).all()
        assert sorted([*fold.train, *fold.test]) == list(range(930))
        assert (CODES[fold.train] == 3).sum() == 15
    assert not np.array_equal(found[0].train, found[1].train)


@pytest.mark.parametrize("design", ["as it is", "down-sampling"])
def test_a_split_does_not_depend_on_how_many_there_are(design):
    for one, same in zip(divided(design, n_splits=2), divided(design, n_splits=9), strict=False):
        np.testing.assert_array_equal(one.train, same.train)
        np.testing.assert_array_equal(one.targets, same.targets)


@pytest.mark.parametrize(
    ("design", "sizes", "message"),
    [
        ("as it is", {"rare_fraction": 0.01}, "design 'as it is' needs 3 types, one of them below 1%"),
        ("down-sampling", {"n_training_cells": (500,)}, "of at least 520 cells"),
    ],
)
def test_data_without_a_target_are_refused(design, sizes, message):
    with pytest.raises(InputError, match=message):
        divided(design, **sizes)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"n_splits": 0}, "n_splits is 0"),
        ({"n_training_cells": (2, 5)}, r"n_training_cells is \(2, 5\)"),
        ({"n_training_cells": ()}, "n_training_cells"),
        ({"train_share": 1.0}, "train_share is 1.0"),
        ({"prevalence": 0.5}, "leave nothing"),
    ],
)
def test_sizes_without_sense_are_refused(sizes, message):
    with pytest.raises(InputError, match=message):
        UtilitySettings(**sizes)


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


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [60, 30, 10])
    probabilities = rng.dirichlet(np.ones(3), size=100) + np.eye(3)[codes] * 0.4
    return probabilities / probabilities.sum(axis=1, keepdims=True), codes, rng.uniform(0.1, 2, size=100)


def test_scores_are_scikit_learns(case):
    probabilities, codes, weights = case
    scores = score_type(probabilities, codes, 2, weights)
    found = probabilities.argmax(axis=1)
    assert set(scores) == set(SCORES)
    expected = average_precision_score(codes == 2, probabilities[:, 2], sample_weight=weights)
    assert scores["auprc"] == pytest.approx(expected, abs=1e-12)
    assert scores["f1"] == pytest.approx(f1_score(codes == 2, found == 2, sample_weight=weights))
    assert scores["recall"] == pytest.approx(recall_score(codes == 2, found == 2, sample_weight=weights))
    assert scores["macro_f1"] == pytest.approx(f1_score(codes, found, average="macro", sample_weight=weights))


def test_best_threshold_is_that_of_a_search_over_all(case):
    probabilities, codes, weights = case
    tried = [f1_score(codes == 2, probabilities[:, 2] >= cut, sample_weight=weights) for cut in probabilities[:, 2]]
    assert score_type(probabilities, codes, 2, weights)["f1_best_threshold"] == pytest.approx(max(tried))


def test_a_weight_of_two_is_the_cell_twice(case):
    probabilities, codes, _ = case
    weights = np.ones(100)
    weights[-10:] = 2
    twice = np.r_[np.arange(100), np.arange(90, 100)]
    expected = score_type(probabilities[twice], codes[twice], 2, np.ones(110))
    assert score_type(probabilities, codes, 2, weights) == pytest.approx(expected)


def test_auprc_depends_on_the_ranking_only_and_f1_on_the_threshold(case):
    probabilities, codes, weights = case
    lowered = probabilities * [1, 1, 0.3]
    first, second = (score_type(values, codes, 2, weights) for values in (probabilities, lowered))
    assert second["auprc"] == first["auprc"]
    assert second["f1_best_threshold"] == pytest.approx(first["f1_best_threshold"])
    assert second["f1"] < first["f1"]


def test_every_target_has_the_prevalence_asked_for():
    codes = np.repeat([0, 1, 2, 3], [500, 300, 77, 20])
    weights = prevalence_weights(codes, np.array([2, 3]), 0.01)
    shares = np.bincount(codes, weights) / weights.sum()
    np.testing.assert_allclose(shares[2:], 0.01)
    assert (weights[:800] == 1).all()
    assert (prevalence_weights(codes, np.array([2, 3]), None) == 1).all()


def test_chance_has_the_prevalence_as_auprc():
    codes = np.repeat([0, 1], [20_000, 5000])
    weights = prevalence_weights(codes, np.array([1]), 0.01)
    score = np.random.default_rng(0).random(25_000)
    assert score_type(np.c_[1 - score, score], codes, 1, weights)["auprc"] == pytest.approx(0.01, rel=0.1)
