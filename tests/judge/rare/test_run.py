import json

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config

from scgarage.datasets import pbmc68k, simulate
from scgarage.errors import InputError, OutputExistsError
from scgarage.judge.rare import COMPARATORS, PIPELINES, QUICK, SCORES, UtilitySettings, poisson_by_type, rare_utility

POISSON = {"poisson": poisson_by_type("cell_type")}
SMALL = UtilitySettings(n_splits=2, n_training_cells=(5,), n_added=20, n_top_genes=60, n_targets=1, n_trees=5)


@pytest.fixture(scope="module")
def result():
    return rare_utility(pbmc68k(), POISSON, quick=True)


@pytest.fixture(scope="module")
def cells():
    return simulate(n_cells=300, n_genes=80, n_types=4, rare_fraction=0.045, random_state=1)


def small(data, augmenters=POISSON, **arguments):
    return rare_utility(data, augmenters, **{"settings": SMALL, "pipelines": ["shrunk-lda", "forest"]} | arguments)


def test_table_holds_every_combination_once(result):
    table = result.table
    keys = ["data_set", "setting", "split", "target", "comparator", "pipeline", "metric"]
    assert list(table.columns) == [
        "data_set",
        "setting",
        "split",
        "target",
        "k",
        *keys[4:5],
        "kind",
        *keys[5:],
        "value",
    ]
    assert not table.duplicated(keys).any()
    assert set(table["comparator"]) == {*COMPARATORS, "poisson", "poisson alone"}
    assert set(table["pipeline"]) == set(PIPELINES)
    assert set(table["metric"]) == set(SCORES)
    assert table["value"].between(0, 1).all()
    n_targets = table.groupby(["setting", "split"])["target"].nunique()
    assert len(table) == n_targets.sum() * 8 * len(PIPELINES) * len(SCORES)
    assert set(table.loc[table["setting"] == "10 training cells", "k"]) == {10}


def test_sentences_are_honest_about_two_splits(result):
    text = " ".join(result.sentences())
    assert "It is not shown that synthetic cells helped" in text
    assert "the pipeline to beat" in text
    assert "F1 depends on where a classifier puts its threshold" in text
    assert "With 2 splits instead of 20" in text
    assert "One data set says nothing about others" in text
    assert text.replace(" ", "") in repr(result).replace("\n", "").replace(" ", "")


def test_best_pipelines_of_every_metric(result):
    for metric in SCORES:
        rows = result.best_pipeline(metric)
        assert rows["setting"].nunique() == 2
    with pytest.raises(InputError, match="metric is 'accuracy'"):
        result.best_pipeline("accuracy")


def test_files_hold_the_table_and_the_sentences(result, tmp_path):
    table_path, record_path = result.save(tmp_path / "utility.csv")
    pd.testing.assert_frame_equal(pd.read_csv(table_path), result.table, check_dtype=False)
    record = json.loads(record_path.read_text())
    assert record["sentences"] == result.sentences()
    assert record["settings"]["n_splits"] == QUICK.n_splits
    assert len(record["summary"]) == len(result.summary())
    assert record["summary"][0]["t_low"] is None
    with pytest.raises(OutputExistsError):
        result.save(table_path)
    with pytest.raises(InputError, match="does not end in"):
        result.save(tmp_path / "utility.txt")


def test_the_generator_never_sees_a_test_cell_and_gets_no_second_seed(cells):
    seen = []

    def spy(train, wanted, seed):
        seen.append((set(train.obs_names), wanted, seed))
        return POISSON["poisson"](train, wanted, seed)

    found = small(cells, {"spy": spy}, synthetic_only=False, designs=["as it is"])
    assert len(seen) == 2
    assert all(wanted == {"rare": 20} for _, wanted, _ in seen)
    # 14 rare cells: half of them train, and the other half must be unknown to the generator.
    rare = set(cells.obs_names[cells.obs["cell_type"] == "rare"])
    assert [len(rare & names) for names, _, _ in seen] == [len(rare) // 2] * 2
    assert seen[0][2] != seen[1][2]
    assert set(found.table["kind"]) == {"comparator", "synthetic"}


def test_threads_and_other_contestants_do_not_change_a_number(cells):
    alone = small(cells, {}, comparators=["ros", "loras"], designs=["as it is"])
    with parallel_config(backend="threading"):
        together = small({"data": cells}, n_jobs=2, designs=["as it is"])
    shared = together.table[together.table["comparator"].isin(["ros", "loras"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.table, shared)
    other = small(cells, {}, comparators=["ros", "loras"], designs=["as it is"], random_state=1)
    assert not np.array_equal(other.table["value"], alone.table["value"])


@pytest.mark.slow
def test_processes_take_any_generator_and_do_not_change_a_number(cells):
    def wrapped(train, wanted, seed):
        return POISSON["poisson"](train, wanted, seed)

    one, two = (small(cells, {"wrapped": wrapped}, designs=["as it is"], n_jobs=n_jobs) for n_jobs in (1, 2))
    pd.testing.assert_frame_equal(one.table, two.table)


def test_real_cells_behind_a_generator_are_worth_something():
    many = simulate(n_cells=3000, n_genes=80, n_types=4, rare_fraction=0.045, random_state=1)
    shown, hidden = many[::10].copy(), many[5::10].copy()

    def oracle(train, wanted, seed):
        return POISSON["poisson"](hidden, wanted, seed)

    found = small(shown, {"oracle": oracle}, designs=["down-sampling"], pipelines=["forest"])
    rows = found.summary().query("metric == 'auprc' and synthetic == 'oracle' and against == 'none'")
    assert rows["difference"].item() > 0.02


def test_several_data_sets_get_an_interval_and_one_without_target_is_left_out_aloud(cells):
    other = simulate(n_cells=300, n_genes=80, n_types=4, rare_fraction=0.2, random_state=2)
    with pytest.warns(UserWarning, match="'other': design 'as it is' needs 3 types"):
        found = small({"one": cells, "other": other}, pipelines=["shrunk-lda"])
    counts = found.summary().groupby("setting")["n_data_sets"].unique()
    assert counts["5 training cells"].tolist() == [2]
    assert counts["as it is"].tolist() == [1]
    assert found.summary().query("setting == '5 training cells'")["t_low"].notna().all()


def test_without_generators_the_comparators_are_ranked(cells):
    found = small(cells, {}, designs=["as it is"])
    assert found.summary().empty
    assert found.sentences()[0].startswith("No synthetic cells took part. Highest AUPRC: as it is:")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": {}}, "data holds no data set"),
        ({"augmenters": {"smote": POISSON["poisson"]}}, "augmenters has the names 'smote'"),
        ({"comparators": ["adasyn"]}, "comparators holds"),
        ({"pipelines": []}, "pipelines holds"),
        ({"designs": ["upside down"]}, "designs holds"),
        ({"quick": True}, "not both"),
        ({"labels_key": "type"}, "no 'type'"),
    ],
)
def test_arguments_without_sense_are_refused(cells, arguments, message):
    arguments = {"data": cells, "augmenters": POISSON, "settings": SMALL} | arguments
    with pytest.raises(InputError, match=message):
        rare_utility(arguments.pop("data"), arguments.pop("augmenters"), **arguments)
