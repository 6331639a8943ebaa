"""What holds for every selector."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.pp import balanced_components
from scgarage.seeds import SELECTORS, GATSettings, Seeds, SeedSelector
from scgarage.seeds.selectors import coordinates, log_normalised


def test_a_slot_is_taken_as_it_is(typed_cells):
    np.testing.assert_array_equal(coordinates(typed_cells, "X_pca"), typed_cells.obsm["X_pca"])


def test_without_a_slot_components_are_balanced_by_type(typed_cells):
    labels = typed_cells.obs["cell_type"].to_numpy(dtype=str)
    expected = balanced_components(typed_cells.X, labels=labels).transform(typed_cells.X)
    np.testing.assert_array_equal(coordinates(typed_cells, None, labels=labels), expected)
    assert not np.allclose(coordinates(typed_cells, None), expected)


def test_scale_of_the_expression_is_that_of_the_points(typed_cells):
    labels = typed_cells.obs["cell_type"].to_numpy(dtype=str)
    points = coordinates(typed_cells, None, labels=labels)
    typed_cells.X = 2 * typed_cells.X
    np.testing.assert_allclose(coordinates(typed_cells, None, labels=labels), 2 * points, atol=1e-3)


def test_counts_and_missing_slots_are_refused(typed_cells):
    with pytest.raises(InputError, match=r"no 'X_umap'.*available: 'X_pca'"):
        coordinates(typed_cells, "X_umap")
    typed_cells.X = np.ceil(typed_cells.X)
    with pytest.raises(InputError, match="holds counts"):
        log_normalised(typed_cells)


FAST = GATSettings(hidden=8, heads=2, n_epochs=20, accelerator="cpu", progress=False)
NEED_TYPES = ["stratified"]
QUOTAS = [name for name in SELECTORS if name not in ("random", "global_top")]
BY_CHANCE = ["random", "stratified", "attention", "global_top"]


def make(name: str, **settings) -> SeedSelector:
    known = {field.name for field in fields(SELECTORS[name])}
    return SELECTORS[name](**settings, **({"gat": FAST} if "gat" in known else {}))


@pytest.mark.parametrize("name", SELECTORS)
def test_selectors_are_frozen_dataclasses_with_the_common_fields(name):
    assert is_dataclass(SELECTORS[name])
    assert SELECTORS[name].__dataclass_params__.frozen
    common = {"labels_key", "rare_fraction", "rare_threshold", "random_state"}
    assert common <= {field.name for field in fields(SELECTORS[name])}
    assert isinstance(make(name), SeedSelector)
    assert make(name, random_state=3) == make(name, random_state=3)


@pytest.mark.parametrize("n", [1, 37, 176])
@pytest.mark.parametrize("name", SELECTORS)
def test_n_distinct_cells_with_finite_scores(typed_cells, name, n):
    seeds = make(name, labels_key="cell_type").select(typed_cells, n)
    assert isinstance(seeds, Seeds)
    assert seeds.indices.dtype == np.int64
    assert len(np.unique(seeds.indices)) == n
    assert seeds.scores.shape == (typed_cells.n_obs,)
    assert seeds.scores.dtype == np.float64
    assert np.isfinite(seeds.scores).all()
    assert (np.diff(seeds.scores[seeds.indices]) <= 0).all()


@pytest.mark.parametrize("name", [name for name in SELECTORS if name not in NEED_TYPES])
def test_labels_are_not_needed(typed_cells, name):
    del typed_cells.obs["cell_type"]
    seeds = make(name).select(typed_cells, 20)
    assert len(np.unique(seeds.indices)) == 20
    assert "rare_share" not in seeds.diagnostics


@pytest.mark.parametrize("name", QUOTAS)
@pytest.mark.parametrize("n", [4, 10, 60])
def test_every_type_has_a_seed(typed_cells, name, n):
    seeds = make(name, labels_key="cell_type").select(typed_cells, n)
    assert set(typed_cells.obs["cell_type"].iloc[seeds.indices]) == {"T", "B", "NK", "pDC"}


def test_quotas_are_the_same_for_all(typed_cells):
    labels = typed_cells.obs["cell_type"]
    first, *others = [
        labels.iloc[make(name, labels_key="cell_type").select(typed_cells, 40).indices].value_counts().to_dict()
        for name in QUOTAS
    ]
    assert all(counts == first for counts in others)


def test_global_top_takes_the_highest_scores_of_all(typed_cells):
    seeds = make("global_top", labels_key="cell_type").select(typed_cells, 30)
    assert set(seeds.indices) == set(np.argsort(-seeds.scores)[:30])
    attention = make("attention", labels_key="cell_type").select(typed_cells, 30)
    assert np.array_equal(seeds.scores, attention.scores)
    assert set(seeds.indices) != set(attention.indices)


@pytest.mark.parametrize("name", SELECTORS)
def test_same_seed_same_seeds(typed_cells, name):
    first, again, other = (
        make(name, labels_key="cell_type", random_state=state).select(typed_cells, 40) for state in (1, 1, 2)
    )
    assert np.array_equal(first.indices, again.indices)
    assert np.array_equal(first.scores, again.scores)
    assert name not in BY_CHANCE or not np.array_equal(first.scores, other.scores)


@pytest.mark.parametrize("name", SELECTORS)
def test_share_of_rare_seeds_is_reported(typed_cells, name):
    seeds = make(name, labels_key="cell_type").select(typed_cells, 50)
    rare = (typed_cells.obs["cell_type"] == "pDC").to_numpy()
    assert seeds.diagnostics["rare_share"] == rare[seeds.indices].mean()
    assert seeds.diagnostics["rare_share_by_chance"] == rare.mean()


def test_random_needs_no_types_and_picks_the_same_cells_without_them(typed_cells):
    without = make("random").select(typed_cells, 20)
    assert without.diagnostics == {}
    assert np.array_equal(without.indices, make("random", labels_key="cell_type").select(typed_cells, 20).indices)


def test_random_picks_every_cell_equally_often(typed_cells):
    n_repeats, n = 400, 44
    picked = np.zeros(typed_cells.n_obs)
    for state in range(n_repeats):
        picked[make("random", random_state=state).select(typed_cells, n).indices] += 1
    chance = n / typed_cells.n_obs
    assert np.abs(picked / n_repeats - chance).max() < 4.5 * np.sqrt(chance * (1 - chance) / n_repeats)


@pytest.mark.parametrize("name", NEED_TYPES)
def test_missing_cell_types_name_the_selector_without_them(typed_cells, name):
    with pytest.raises(InputError, match=r"need cell types.*'cell_type'.*only 'stratified' needs them"):
        make(name).select(typed_cells, 10)


@pytest.mark.parametrize("name", SELECTORS)
def test_missing_label_column_names_the_available_ones(typed_cells, name):
    with pytest.raises(InputError, match=r"no 'louvain'.*'cell_type'"):
        make(name, labels_key="louvain").select(typed_cells, 10)


@pytest.mark.parametrize("n", [0, -1, 177])
@pytest.mark.parametrize("name", SELECTORS)
def test_numbers_of_seeds_that_cannot_be_had_are_refused(typed_cells, name, n):
    with pytest.raises(InputError, match=f"between 1 and 176, the number of cells; found {n}"):
        make(name, labels_key="cell_type").select(typed_cells, n)
