import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scgarage.errors import InputError, SamplingError
from scgarage.judge.legacy import COPIES, FORESTS, NO_CELLS, legacy_rare_cells
from scgarage.judge.legacy.rare_cells import score_forests
from scgarage.judge.rare.augmenters import TrainingSet


def test_types_far_apart_are_found():
    values = np.repeat([[0.0, 5.0], [5.0, 0.0]], [30, 10], axis=0).astype(np.float32)
    codes = np.repeat([0, 1], [30, 10])
    scores = score_forests(TrainingSet(values, codes, 2), values, codes, 1, random_state=0)
    assert list(scores) == list(FORESTS)
    for found in scores.values():
        assert found == {"rare_recall": 1.0, "rare_f1": 1.0, "macro_f1": 1.0}


def test_scores_of_a_forest_that_knows_one_type_only():
    values = np.zeros((4, 2), dtype=np.float32)
    train = TrainingSet(values, np.zeros(4, dtype=np.intp), 2)
    scores = score_forests(train, values, np.array([0, 0, 0, 1]), 1, random_state=0)
    # The abundant type: three hits, one false alarm.
    for found in scores.values():
        assert found == pytest.approx({"rare_recall": 0.0, "rare_f1": 0.0, "macro_f1": (2 * 3 / 7 + 0) / 2})


def test_recall_and_f1_are_counted_by_hand():
    # One gene tells the types; two of three rare test cells look abundant and one abundant cell looks rare.
    train = np.repeat([[0.0], [1.0]], 20, axis=0).astype(np.float32)
    codes = np.repeat([0, 1], 20)
    test = np.array([[1], [0], [0], [1], [0], [0]], dtype=np.float32)
    scores = score_forests(TrainingSet(train, codes, 2), test, np.array([1, 1, 1, 0, 0, 0]), 1, random_state=0)
    expected = {"rare_recall": 1 / 3, "rare_f1": 2 / 5, "macro_f1": (2 / 5 + 4 / 7) / 2}
    for found in scores.values():
        assert found == pytest.approx(expected)


def test_the_weakened_forest_is_the_published_one():
    weak = {"n_estimators": 10, "max_depth": 5, "max_features": 0.25, "bootstrap": False}
    assert FORESTS["10 trees, depth 5"] == weak
    assert FORESTS["100 trees"] == {"n_estimators": 100}


GENES = 12


def toy(n_rare: int = 9, *, informative: bool = True) -> ad.AnnData:
    """Return 40 + 30 + ``n_rare`` cells; each type has four genes of its own, or none."""
    codes = np.repeat([0, 1, 2], [40, 30, n_rare])
    rates = np.full((3, GENES), 3.0)
    if informative:
        for code in range(3):
            rates[code, 4 * code : 4 * code + 4] = 40.0
    counts = np.random.default_rng(0).poisson(rates[codes]).astype(np.float32)
    obs = pd.DataFrame({"cell_type": np.array(["a", "b", "rare"])[codes]}, index=[f"c{i}" for i in range(len(codes))])
    return ad.AnnData(sparse.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=[f"g{i}" for i in range(GENES)]))


def copies_of(name: str):
    """Return a generator that copies cells of one type, whatever it is asked for."""

    def make(train: ad.AnnData, wanted: dict[str, int], seed: int) -> ad.AnnData:
        rows = np.flatnonzero(train.obs["cell_type"] == name)
        ((label, n_cells),) = wanted.items()
        counts = train.X[np.random.default_rng(seed).choice(rows, n_cells)]
        index = [f"made{number}" for number in range(n_cells)]
        return ad.AnnData(counts, obs=pd.DataFrame({"cell_type": label}, index=index), var=train.var)

    return make


def test_controls_find_a_type_far_apart_and_cells_of_another_type_hide_it():
    table = legacy_rare_cells(toy(), {"good": copies_of("rare"), "wrong": copies_of("a")}, n_repeats=2)
    assert (table["protocol"] == "legacy").all()
    methods = [NO_CELLS, COPIES, "good", "wrong"]
    assert table[["method", "forest"]].to_numpy().tolist() == [[name, forest] for name in methods for forest in FORESTS]
    scores = table.set_index(["method", "forest"])
    for method in (NO_CELLS, COPIES, "good"):
        assert (scores.loc[method, ["rare_recall", "rare_f1", "macro_f1"]] == 1).all(axis=None)
    # 50 cells of type a called rare, against 20 called a: most of type a is now taken for rare.
    assert (scores.loc["wrong", "rare_recall"] == 1).all()
    assert (scores.loc["wrong", "rare_f1"] < 0.5).all()
    assert (scores.loc["wrong", "macro_f1"] < 0.7).all()


def test_half_of_each_type_is_held_out_and_ten_cells_are_added_for_each_rare_one():
    cells = toy(9)
    seen = []

    def record(train, wanted, seed):
        seen.append((set(train.obs_names), train.obs["cell_type"].value_counts().to_dict(), wanted, seed))
        return copies_of("rare")(train, wanted, seed)

    table = legacy_rare_cells(cells, {"recorded": record}, n_repeats=3)
    assert len(seen) == 3
    for names, counts, wanted, _ in seen:
        assert counts == {"a": 20, "b": 15, "rare": 5}
        assert wanted == {"rare": 50}
        assert names < set(cells.obs_names)
    assert len({frozenset(names) for names, *_ in seen}) == len({seed for *_, seed in seen}) == 3
    row = table[table["method"] == "recorded"].iloc[0]
    assert row[["n_train_rare", "n_test_rare", "n_added", "n_repeats"]].tolist() == [5, 4, 50, 3]


def test_randomised_labels_apply_to_every_method_alike():
    table = legacy_rare_cells(toy(), {"good": copies_of("rare")}, n_repeats=1, randomised_labels=1.0)
    recall = table.groupby("method")["rare_recall"].max()
    # Ten cells that look rare and are called something else for each one that is called rare.
    assert recall[NO_CELLS] == 1
    assert recall[COPIES] == recall["good"] == 0
    assert (table["randomised_labels"] == 1).all()


def test_half_of_the_labels_are_randomised_the_same_ones_for_every_method(monkeypatch):
    added = []

    def scores(train, *args, **kwargs):
        added.append(train.codes[40:].tolist())  # behind the 20 + 15 + 5 real training cells
        return {name: dict.fromkeys(("rare_recall", "rare_f1", "macro_f1"), 0.0) for name in FORESTS}

    monkeypatch.setattr("scgarage.judge.legacy.rare_cells.score_forests", scores)
    legacy_rare_cells(toy(9), {"good": copies_of("rare")}, n_repeats=1, randomised_labels=0.5)
    none, copies, good = added
    assert none == []
    assert copies == good
    assert [copies.count(code) for code in (0, 1, 2)] == [copies.count(0), 25 - copies.count(0), 25]
    assert 0 < copies.count(0) < 25


def test_nothing_is_found_where_there_is_nothing_to_find():
    table = legacy_rare_cells(toy(informative=False), {}, n_repeats=3).set_index(["method", "forest"])
    assert table.loc[NO_CELLS, "rare_f1"].max() < 0.3
    assert (table["rare_f1_sd"] >= 0).all()


def test_mean_and_sd_are_over_repeats_and_a_failed_repeat_is_said(monkeypatch):
    values = iter([0.2, 0.4, 0.9, 0.5, 0.6])  # controls and generator, then controls only: its second repeat fails
    calls = []

    def scores(*args, **kwargs):
        value = next(values)
        return {name: dict.fromkeys(("rare_recall", "rare_f1", "macro_f1"), value) for name in FORESTS}

    def fails_later(train, wanted, seed):
        calls.append(seed)
        if len(calls) == 2:
            msg = "it hardly produces this type"
            raise SamplingError(msg)
        return copies_of("rare")(train, wanted, seed)

    monkeypatch.setattr("scgarage.judge.legacy.rare_cells.score_forests", scores)
    table = legacy_rare_cells(toy(), {"weak": fails_later}, n_repeats=2).set_index(["method", "forest"])
    for forest in FORESTS:
        none, weak = table.loc[(NO_CELLS, forest)], table.loc[("weak", forest)]
        assert none["rare_f1"] == pytest.approx((0.2 + 0.5) / 2)
        assert none["rare_f1_sd"] == pytest.approx(0.3 / np.sqrt(2))
        assert (none["n_repeats"], none["note"]) == (2, "")
        assert weak["rare_f1"] == pytest.approx(0.9)
        assert np.isnan(weak["rare_f1_sd"])
        assert (weak["n_repeats"], weak["note"]) == (1, "1 of 2 repeats failed: it hardly produces this type")


def test_the_type_can_be_chosen_and_the_same_seed_gives_the_same_table():
    options = {"n_repeats": 1, "rare_type": "b", "n_top_genes": 6, "random_state": 4}
    table = legacy_rare_cells(toy(), {"good": copies_of("b")}, **options)
    assert (table["rare_type"] == "b").all()
    assert (table["n_train_rare"] == 15).all()
    pd.testing.assert_frame_equal(table, legacy_rare_cells(toy(), {"good": copies_of("b")}, **options))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"rare_type": "c"}, "rare_type 'c' is not among the types with enough cells; expected one of: 'a', 'b'"),
        ({"randomised_labels": 1.5}, "randomised_labels is 1.5"),
        ({"n_repeats": 0}, "n_repeats is 0"),
        ({"labels_key": "cluster"}, "has no 'cluster'"),
    ],
)
def test_unusable_arguments_are_refused(options, text):
    with pytest.raises(InputError, match=text):
        legacy_rare_cells(toy(), {}, **options)


def test_names_of_controls_are_taken():
    with pytest.raises(InputError, match=r"'no synthetic cells'.*which controls have"):
        legacy_rare_cells(toy(), {NO_CELLS: copies_of("rare")})


def test_one_type_with_enough_cells_is_too_few():
    cells = toy(3)[toy(3).obs["cell_type"] != "b"].copy()
    with pytest.warns(UserWarning, match="fewer than 4 cells"), pytest.raises(InputError, match="has 1 type"):
        legacy_rare_cells(cells, {})
