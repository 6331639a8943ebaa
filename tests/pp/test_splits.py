"""Parts that never share a cell or a donor."""

import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

import scgarage as sg
from scgarage.errors import InputError
from scgarage.pp import Split, split, split_by_column
from scgarage.pp.splits import PARTS, _part_sizes


@pytest.fixture(scope="module")
def cells():
    adata = sg.datasets.simulate(n_cells=200, n_genes=50, n_types=4, rare_fraction=0.05)
    adata.obs["donor"] = [f"d{i % 5}" for i in range(200)]
    adata.obs["part"] = np.where(np.arange(200) % 3 == 0, "test", "train")
    return adata


def same(a, b):
    return all(list(getattr(a, p).obs_names) == list(getattr(b, p).obs_names) for p in ("train", "validation", "test"))


@pytest.mark.parametrize("how", [{}, {"donor_key": "donor"}, {"fractions": (0.6, 0.0, 0.4), "random_state": 9}])
def test_the_same_split_comes_back_through_a_file(cells, how, tmp_path):
    first = sg.pp.split(cells, labels_key="cell_type", **how)
    first.train.write_h5ad(tmp_path / "train.h5ad")
    record = ad.read_h5ad(tmp_path / "train.h5ad").uns["scgarage"]["split"]
    assert same(first, sg.pp.split_again(cells, record))


def test_a_split_by_column_comes_back(cells):
    first = sg.pp.split_by_column(cells, "part", labels_key="cell_type")
    assert same(first, sg.pp.split_again(cells, first.record()))


@pytest.mark.parametrize("key", ["cell_type", "part"])
def test_changed_labels_or_parts_are_refused(cells, key):
    record = sg.pp.split_by_column(cells, "part", labels_key="cell_type").record()
    other = cells.copy()
    values = other.obs[key].astype(str)
    values.iloc[[0, 1]] = values.iloc[[1, 0]].to_numpy() if values.iloc[0] != values.iloc[1] else "test"
    other.obs[key] = values
    if list(values) == list(cells.obs[key].astype(str)):
        values.iloc[0] = next(v for v in values if v != values.iloc[0])
        other.obs[key] = values
    with pytest.raises(InputError, match="not the cells"):
        sg.pp.split_again(other, record)


def test_other_order_and_incomplete_record_are_refused(cells):
    record = sg.pp.split(cells, labels_key="cell_type").record()
    with pytest.raises(InputError, match="not the cells"):
        sg.pp.split_again(cells[::-1].copy(), record)
    del record["fingerprint"]
    with pytest.raises(InputError, match="no fingerprint"):
        sg.pp.split_again(cells, record)


FRACTIONS = [(0.5, 0.1, 0.4), (0.6, 0.2, 0.2), (0.7, 0.0, 0.3), (0.8, 0.2, 0.0), (1.0, 0.0, 0.0), (0.34, 0.33, 0.33)]


def cells_of(sizes: dict[str, int], seed: int = 0) -> ad.AnnData:
    labels = np.random.default_rng(seed).permutation(np.repeat(list(sizes), list(sizes.values())))
    obs = pd.DataFrame({"type": pd.Categorical(labels)}, index=[f"c{i}" for i in range(len(labels))])
    return ad.AnnData(X=np.arange(1, 2 * len(labels) + 1, dtype=np.float32).reshape(-1, 2), obs=obs)


def parts_of(result: Split) -> dict[str, ad.AnnData]:
    return {name: getattr(result, name) for name in PARTS}


def names_of(result: Split) -> dict[str, list[str]]:
    return {name: list(cells.obs_names) for name, cells in parts_of(result).items()}


@pytest.mark.parametrize("fractions", FRACTIONS)
@pytest.mark.parametrize("donor_key", [None, "donor"])
@pytest.mark.filterwarnings("ignore:the (train|test) part has no cells")
def test_parts_are_disjoint_complete_and_in_order(tiny, fractions, donor_key):
    names = names_of(split(tiny, labels_key="cell_type", donor_key=donor_key, fractions=fractions))
    together = [name for part in names.values() for name in part]
    assert sorted(together) == sorted(tiny.obs_names)
    for name, share in zip(PARTS, fractions, strict=True):
        assert (len(names[name]) > 0) == (share > 0)
        assert_array_equal(tiny.obs_names[tiny.obs_names.isin(names[name])], names[name])


def test_parts_carry_their_cells(tiny):
    for cells in parts_of(split(tiny, labels_key="cell_type")).values():
        assert_array_equal(cells.X.toarray(), tiny[cells.obs_names].X.toarray())
        assert_array_equal(cells.layers["counts"].toarray(), tiny[cells.obs_names].X.toarray())
        assert not cells.is_view


def test_every_type_is_divided_within_one_cell():
    adata = cells_of({"a": 137, "b": 61, "c": 23, "d": 10, "e": 5})
    fractions = (0.5, 0.1, 0.4)
    for seed in range(20):
        result = split(adata, labels_key="type", fractions=fractions, random_state=seed)
        for part, share in zip(parts_of(result).values(), fractions, strict=True):
            found = part.obs["type"].value_counts()
            for label, size in adata.obs["type"].value_counts().items():
                assert abs(found.get(label, 0) - share * size) < 1


@pytest.mark.parametrize("fractions", [f for f in FRACTIONS if f[2] > 0])
def test_types_of_two_and_three_cells_are_in_train_and_test(fractions):
    adata = cells_of({"two": 2, "three": 3, "many": 30})
    for seed in range(30):
        result = split(adata, labels_key="type", fractions=fractions, random_state=seed)
        for label in ("two", "three"):
            assert (result.train.obs["type"] == label).any()
            assert (result.test.obs["type"] == label).any()
        assert not (result.validation.obs["type"] == "two").any()


def test_types_of_three_cells_or_more_have_two_to_learn_from():
    sizes = {f"{n}": n for n in range(3, 9)}
    for seed in range(30):
        result = split(cells_of(sizes | {"many": 30}), labels_key="type", random_state=seed)
        assert (result.train.obs["type"].value_counts() >= 2).all()
        assert set(result.test.obs["type"]) == {*sizes, "many"}


def test_a_single_cell_trains_and_it_is_said():
    with pytest.warns(UserWarning, match="the test part has no cells of: one"):
        result = split(cells_of({"one": 1, "many": 30}), labels_key="type")
    assert (result.train.obs["type"] == "one").sum() == 1
    assert sum(part.n_obs for part in parts_of(result).values()) == 31


@pytest.mark.parametrize("n_cells", [4, 7])
def test_random_rounding_keeps_the_shares_of_many_small_types(n_cells):
    fractions = (0.5, 0.1, 0.4)
    rng = np.random.default_rng(0)
    sizes = np.array([_part_sizes(n_cells, fractions, rng) for _ in range(20_000)])
    assert (sizes.sum(axis=1) == n_cells).all()
    assert (np.abs(sizes - np.multiply(fractions, n_cells)) < 1).all()
    # 5 standard errors of a mean of 20,000 values that differ by one at most
    np.testing.assert_allclose(sizes.mean(axis=0) / n_cells, fractions, atol=5 * 0.5 / 20_000**0.5 / n_cells)


def test_exact_shares_are_exact():
    rng = np.random.default_rng(0)
    for n_cells, fractions, expected in [
        (10, (0.7, 0.2, 0.1), [7, 2, 1]),
        (100, (0.29, 0.01, 0.7), [29, 1, 70]),
        (30, (0.5, 0.1, 0.4), [15, 3, 12]),
    ]:
        for _ in range(50):
            assert _part_sizes(n_cells, fractions, rng).tolist() == expected


@pytest.mark.parametrize("donor_key", [None, "donor"])
@pytest.mark.filterwarnings("ignore:the (train|test) part has no cells")
def test_same_seed_same_parts_and_another_seed_others(tiny, donor_key):
    results = [names_of(split(tiny, labels_key="cell_type", donor_key=donor_key, random_state=s)) for s in (3, 3, 4)]
    assert results[0] == results[1]
    assert results[0] != results[2]


def test_validation_gets_a_cell_even_from_small_types():
    adata = cells_of(dict.fromkeys("abc", 4))
    for seed in range(40):
        result = split(adata, labels_key="type", fractions=(0.55, 0.05, 0.4), random_state=seed)
        assert result.validation.n_obs >= 1
        assert result.train.obs["type"].nunique() == result.test.obs["type"].nunique() == 3


@pytest.mark.filterwarnings("ignore:the (train|test) part has no cells")
def test_donors_are_in_one_part_only_and_every_part_has_one():
    rng = np.random.default_rng(0)
    for seed in range(40):
        n_donors = int(rng.integers(3, 9))
        adata = cells_of({"a": 60, "b": 40}, seed)
        weights = rng.dirichlet(np.full(n_donors, 0.5))
        donors = np.concatenate([np.arange(n_donors), rng.choice(n_donors, size=100 - n_donors, p=weights)])
        adata.obs["donor"] = donors  # numbers are names too
        result = split(adata, labels_key="type", donor_key="donor", random_state=seed)
        found = [set(part.obs["donor"]) for part in parts_of(result).values()]
        assert all(found)
        assert sum(map(len, found)) == n_donors == len(set().union(*found))


@pytest.mark.filterwarnings("ignore:the (train|test) part has no cells")
def test_shares_by_donor_are_close_when_donors_are_many():
    adata = cells_of({"a": 1500, "b": 500})
    adata.obs["donor"] = np.random.default_rng(0).choice(50, size=2000, p=np.arange(1, 51) / 1275)
    for seed in range(10):
        result = split(adata, labels_key="type", donor_key="donor", random_state=seed)
        shares = [part.n_obs / 2000 for part in parts_of(result).values()]
        np.testing.assert_allclose(shares, (0.5, 0.1, 0.4), atol=0.03)


def test_type_that_donors_leave_out_of_a_part_is_named():
    adata = cells_of({"a": 20, "b": 20, "only one donor": 4})
    adata.obs["donor"] = np.arange(44) % 4
    adata.obs.loc[adata.obs["type"] == "only one donor", "donor"] = 0
    with pytest.warns(UserWarning, match="has no cells of: only one donor"):
        split(adata, labels_key="type", donor_key="donor")


def test_fingerprint_tells_other_cells_order_labels_and_parts(tiny):
    def mark(adata: ad.AnnData, **changes: object) -> str:
        return split(adata, **{"labels_key": "cell_type", **changes}).fingerprint

    renamed, relabelled = tiny.copy(), tiny.copy()
    renamed.obs_names = [f"x{name}" for name in tiny.obs_names]
    labels = tiny.obs["cell_type"].to_numpy().copy()
    first, second = 0, int(np.flatnonzero(labels != labels[0])[0])
    labels[[first, second]] = labels[[second, first]]
    relabelled.obs["cell_type"] = pd.Categorical(labels)
    marks = [
        mark(tiny),
        mark(tiny[::-1].copy()),
        mark(renamed),
        mark(relabelled),
        mark(tiny, random_state=1),
        mark(tiny, fractions=(0.6, 0.1, 0.3)),
    ]
    assert len(set(marks)) == 6
    assert mark(tiny) == marks[0]
    values = tiny.copy()
    values.obs["cell_type"] = values.obs["cell_type"].astype(str)
    assert mark(values) == marks[0]  # text or categories


def test_record_survives_h5ad_and_json(tiny, tmp_path):
    result = split(tiny, labels_key="cell_type", batch_key="donor", random_state=np.int64(5))
    record = result.record()
    assert json.loads(json.dumps(record)) == record
    assert record["batch_key"] == "donor"
    assert "donor_key" not in record
    for name, cells in parts_of(result).items():
        cells.write_h5ad(tmp_path / f"{name}.h5ad")
        back = ad.read_h5ad(tmp_path / f"{name}.h5ad").uns["scgarage"]
        assert back["part"] == name
        assert back["value_kind"] == "counts"
        stored = back["split"]
        assert stored.keys() == record.keys()
        assert np.asarray(stored.pop("fractions")).tolist() == record["fractions"]
        assert all(stored[key] == record[key] for key in stored)


def test_input_is_not_changed(tiny):
    before = tiny.copy()
    split(tiny, labels_key="cell_type")
    assert json.dumps(dict(tiny.uns["scgarage"]), default=str) == json.dumps(dict(before.uns["scgarage"]), default=str)
    pd.testing.assert_frame_equal(tiny.obs, before.obs)
    assert_array_equal(tiny.X.toarray(), before.X.toarray())


def test_parts_do_not_share_their_notes(tiny):
    result = split(tiny, labels_key="cell_type")
    result.train.uns["scgarage"]["simulation"]["depth"] = -1
    assert result.test.uns["scgarage"]["simulation"]["depth"] == 1500
    assert tiny.uns["scgarage"]["simulation"]["depth"] == 1500


def test_split_by_column(tiny):
    part = np.array(PARTS)[np.arange(tiny.n_obs) % 3]
    tiny.obs["part"] = pd.Categorical(part)
    result = split_by_column(tiny, "part", labels_key="cell_type")
    for name, cells in parts_of(result).items():
        assert_array_equal(cells.obs_names, tiny.obs_names[part == name])
    np.testing.assert_allclose(result.fractions, 1 / 3)
    tiny.obs["part"] = np.where(part == "validation", "train", part)
    assert split_by_column(tiny, "part").validation.n_obs == 0


def test_split_by_column_cannot_pass_for_a_drawn_one(tiny):
    drawn = split(tiny, labels_key="cell_type")
    tiny.obs["part"] = np.roll(np.repeat(PARTS, [60, 12, 48]), 7)
    assert split_by_column(tiny, "part", labels_key="cell_type").fingerprint != drawn.fingerprint


def test_split_by_column_refuses_the_reserved_label(tiny):
    tiny.obs["part"] = ["train", "test"] * 60
    tiny.obs["cell_type"] = tiny.obs["cell_type"].cat.rename_categories({"rare": "unsure"})
    with pytest.raises(InputError, match="'unsure'"):
        split_by_column(tiny, "part", labels_key="cell_type")


def test_repr_shows_sizes(tiny):
    result = split(tiny, labels_key="cell_type")
    sizes = f"train={result.train.n_obs}, validation={result.validation.n_obs}, test={result.test.n_obs}"
    assert repr(result) == f"Split({sizes}, labels_key='cell_type', donor_key=None, random_state=0)"


def test_splits_compare_by_identity(tiny):
    result = split(tiny, labels_key="cell_type")
    assert result == result
    assert result != split(tiny, labels_key="cell_type")


@pytest.mark.parametrize(
    "fractions", [(0.5, 0.5), (0.5, 0.1, 0.5), (-0.1, 0.6, 0.5), (0.0, 0.5, 0.5), (np.nan, 0.5, 0.5)]
)
def test_fractions_that_make_no_sense_are_refused(tiny, fractions):
    with pytest.raises(InputError, match="fractions must be three numbers"):
        split(tiny, labels_key="cell_type", fractions=fractions)


@pytest.mark.parametrize("key", ["labels_key", "batch_key", "donor_key"])
def test_missing_column_is_named(tiny, key):
    with pytest.raises(InputError, match="no 'nothing'"):
        split(tiny, **{"labels_key": "cell_type"} | {key: "nothing"})


@pytest.mark.parametrize("key", ["labels_key", "batch_key", "donor_key"])
def test_missing_value_is_refused(tiny, key):
    tiny.obs["gaps"] = tiny.obs["cell_type"].astype(object)
    tiny.obs.loc[tiny.obs_names[3], "gaps"] = np.nan
    with pytest.raises(InputError, match="gaps"):
        split(tiny, **{"labels_key": "cell_type"} | {key: "gaps"})


def test_too_few_donors_and_cells_for_validation_are_refused(tiny):
    tiny.obs["donor"] = np.where(np.arange(120) % 2, "x", "y")
    with pytest.raises(InputError, match="has 2 donors"):
        split(tiny, labels_key="cell_type", donor_key="donor")
    with pytest.raises(InputError, match="no cell for validation"):
        split(cells_of({"a": 2, "b": 2}), labels_key="type")


@pytest.mark.parametrize("values", [("train", "train"), ("test", "validation"), ("train", "tset")])
def test_column_without_train_and_test_is_refused(tiny, values):
    tiny.obs["part"] = np.array(values)[np.arange(120) % 2]
    with pytest.raises(InputError, match="must hold 'train' and 'test'"):
        split_by_column(tiny, "part")


def test_column_of_parts_must_exist_and_be_complete(tiny):
    with pytest.raises(InputError, match="no 'part'"):
        split_by_column(tiny, "part")
    tiny.obs["part"] = [None] + ["train", "test"] * 59 + ["test"]
    with pytest.raises(InputError, match="1 missing values"):
        split_by_column(tiny, "part")
    tiny.obs["part"] = ["train", "test"] * 60
    with pytest.raises(InputError, match="no 'nothing'"):
        split_by_column(tiny, "part", labels_key="nothing")
