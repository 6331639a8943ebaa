import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError
from scgarage.seeds import CellTypes, Seeds, rare_types, top_per_type, type_quotas
from scgarage.seeds.quotas import check_n_seeds, top_cells


def cases(n_cases: int = 300):
    """Random type counts with a feasible number of places, minimum and mask of rare types."""
    rng = np.random.default_rng(0)
    for _ in range(n_cases):
        counts = rng.integers(0, rng.choice([5, 50, 3_000]), size=rng.integers(1, 12))
        counts[0] += 1
        n = int(rng.integers(1, counts.sum() + 1))
        yield (counts, n, int(rng.integers(0, 20)), rng.random(len(counts)) < 0.4, rng.choice([0.0, 0.5, 1.0, 1.7]))


@pytest.mark.parametrize(
    ("counts", "n", "options", "expected"),
    [
        ([60, 30, 10], 10, {}, [6, 3, 1]),
        ([60, 30, 10], 100, {}, [60, 30, 10]),
        ([60, 30, 10], 10, {"power": 0.0}, [3, 3, 4]),  # the odd place goes to the smallest type
        ([96, 2, 2], 10, {}, [8, 1, 1]),  # the minimum lifts the small types
        ([96, 2, 2], 10, {"minimum": 0}, [10, 0, 0]),
        ([96, 2, 2], 50, {"minimum": 5}, [46, 2, 2]),  # no more than a type has
        ([50, 40, 10], 20, {"rare": [False, False, True]}, [8, 7, 5]),  # weights 50 : 40 : 30
        ([50, 40, 10], 20, {"rare": [False, False, True], "rare_boost": 0.0}, [10, 8, 2]),
        ([50, 40, 10], 60, {"rare": [False, False, True], "rare_boost": 9.0}, [28, 22, 10]),  # capped at 10
        ([7, 0, 3], 5, {}, [3, 0, 2]),  # 3.5 and 1.5: the tie goes to the smaller type
        ([40, 40, 20], 9, {"minimum": 50}, [3, 3, 3]),  # a minimum that cannot be had is lowered
    ],
)
def test_quotas_by_hand(counts, n, options, expected):
    assert type_quotas(counts, n, **options).tolist() == expected


@pytest.mark.parametrize(
    ("n", "expected"), [(1, [0, 0, 0, 1, 0]), (2, [0, 0, 1, 1, 0]), (3, [1, 0, 1, 1, 0]), (4, [1, 0, 1, 1, 1])]
)
def test_fewer_places_than_types_go_to_the_rarest_rare_types_first(n, expected):
    rare = [False, False, True, True, False]
    assert type_quotas([500, 0, 9, 4, 100], n, rare=rare).tolist() == expected


def test_quotas_add_up_and_keep_their_bounds():
    for counts, n, minimum, rare, power in cases():
        quotas = type_quotas(counts, n, power=power, rare=rare, minimum=minimum)
        affordable = min(minimum, n // (counts > 0).sum())
        assert quotas.dtype == np.int64
        assert quotas.sum() == n
        assert (quotas <= counts).all()
        assert (quotas >= np.minimum(counts, affordable)).all()


def test_a_greater_boost_never_takes_places_from_rare_types():
    for counts, n, minimum, rare, power in cases():
        totals = [
            type_quotas(counts, n, power=power, rare=rare, minimum=minimum, rare_boost=boost)[rare].sum()
            for boost in (0.0, 0.5, 2.0, 10.0, 1e6)
        ]
        assert (np.diff(totals) >= 0).all()


def test_quotas_follow_their_types_when_these_are_reordered():
    counts, rare = np.array([500, 90, 40, 17, 3]), np.array([False, False, True, True, True])
    order = np.array([3, 0, 4, 2, 1])
    for n in (2, 4, 30, 400):
        assert np.array_equal(type_quotas(counts[order], n, rare=rare[order]), type_quotas(counts, n, rare=rare)[order])


def test_without_bounds_quotas_are_within_one_place_of_the_exact_shares():
    for counts, n, _, rare, power in cases():
        weights = np.where(counts > 0, counts.astype(float) ** power, 0) * (1 + 2 * rare)
        exact = n * weights / weights.sum()
        if (exact <= counts).all():
            assert (np.abs(type_quotas(counts, n, power=power, rare=rare, minimum=0) - exact) < 1).all()


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([5, 5], 0), {}, "between 1 and 10"),
        (([5, 5], 11), {}, "between 1 and 10, the number of cells; found 11"),
        (([5, -1], 2), {}, "numbers >= 0"),
        (([5, 5], 2), {"rare": [True]}, "mask of the same length"),
        (([5, 5], 2), {"power": -1}, "power must be a number of at least 0; found -1"),
        (([5, 5], 2), {"rare_boost": float("nan")}, "rare_boost"),
        (([5, 5], 2), {"minimum": -2}, "minimum"),
    ],
)
def test_unusable_quota_arguments_are_refused(arguments, options, message):
    with pytest.raises(InputError, match=message):
        type_quotas(*arguments, **options)


def test_rare_types_by_share_and_by_count():
    labels = np.repeat(["a", "b", "c", "d"], [80, 12, 5, 3])
    assert rare_types(labels).tolist() == ["d"]  # a share of exactly 5 % is not below it
    assert rare_types(labels, rare_fraction=0.1).tolist() == ["c", "d"]
    assert rare_types(labels, rare_threshold=12).tolist() == ["b", "c", "d"]
    assert rare_types(labels, rare_fraction=0.0).tolist() == []
    assert rare_types(labels, rare_fraction=0.0, rare_threshold=3).tolist() == ["d"]


@pytest.mark.parametrize("options", [{"rare_fraction": 1.5}, {"rare_fraction": -0.1}, {"rare_threshold": -1}])
def test_unusable_definitions_of_rare_are_refused(options):
    with pytest.raises(InputError, match=next(iter(options))):
        rare_types(["a", "b"], **options)


def test_top_per_type_against_a_loop_over_types():
    rng = np.random.default_rng(0)
    types, scores, quotas = rng.integers(0, 4, 100), rng.random(100), np.array([3, 0, 7, 1])
    chosen = top_per_type(types, scores, quotas, rng)
    expected = {
        int(cell)
        for kind, quota in enumerate(quotas)
        for cell in np.flatnonzero(types == kind)[np.argsort(-scores[types == kind])[:quota]]
    }
    assert set(chosen.tolist()) == expected
    assert (np.diff(scores[chosen]) <= 0).all()


def test_equal_scores_do_not_favour_the_first_rows():
    types, scores = np.zeros(1_000, dtype=np.int64), np.zeros(1_000)
    chosen = top_per_type(types, scores, np.array([200]), np.random.default_rng(0))
    assert abs(chosen.mean() - 499.5) < 4 * 1_000 / np.sqrt(12 * 200)


def test_seeds_have_a_length_and_a_short_repr():
    seeds = Seeds(np.array([2, 0]), np.array([0.5, 0.1, 0.9]))
    assert len(seeds) == 2
    assert repr(seeds) == "Seeds(2 of 3 cells)"
    assert seeds.diagnostics == {}
    assert seeds.history.empty


@pytest.mark.parametrize(
    ("indices", "scores", "message"),
    [
        ([0, 0], [1.0, 2.0], "distinct"),
        ([2], [1.0, 2.0], "below 2"),
        ([-1], [1.0, 2.0], "below 2"),
        ([0], [1.0, np.nan], "finite; 1 are not"),
    ],
)
def test_impossible_seeds_are_refused(indices, scores, message):
    with pytest.raises(InputError, match=message):
        Seeds(np.array(indices), np.array(scores))


@pytest.mark.parametrize("n", [0, -3, 11])
def test_numbers_of_seeds_that_cannot_be_had_are_refused(n):
    with pytest.raises(InputError, match=f"between 1 and 10, the number of cells; found {n}"):
        check_n_seeds(ad.AnnData(np.zeros((10, 1))), n)


def test_top_cells_are_those_of_a_full_sort():
    scores = np.random.default_rng(0).random(50)
    assert top_cells(scores, 7, np.random.default_rng(1)).tolist() == np.argsort(-scores)[:7].tolist()


def test_ties_are_broken_by_the_generator_only():
    scores = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    draws = {tuple(top_cells(scores, 3, np.random.default_rng(seed))) for seed in range(20)}
    assert all(draw[0] == 0 for draw in draws)
    assert len(draws) > 5
    assert len({tuple(top_cells(scores, 3, np.random.default_rng(4))) for _ in range(3)}) == 1


def cells(labels) -> ad.AnnData:
    adata = ad.AnnData(np.zeros((len(labels), 1)))
    adata.obs["cell_type"] = pd.Categorical(labels)
    return adata


def test_codes_name_the_types_back():
    labels = ["T"] * 90 + ["pDC"] * 3 + ["B"] * 7
    types = CellTypes.read(cells(labels), "cell_type", purpose="seeds")
    assert types.names[types.codes].tolist() == labels
    assert types.counts.tolist() == [7, 90, 3]
    assert types.names[types.rare].tolist() == ["pDC"]
    assert np.array_equal(types.rare_cells, np.array(labels) == "pDC")
    assert types.describe(np.array([0, 91])) == {"rare_share": 0.5, "rare_share_by_chance": 0.03}


def test_unused_categories_are_no_types():
    adata = cells(["T", "B", "NK"])[:2]
    assert CellTypes.read(adata, "cell_type", purpose="seeds").names.tolist() == ["B", "T"]


def test_missing_key_names_columns_and_the_selector_that_needs_it():
    with pytest.raises(InputError, match=r"stratified seeds need cell types.*'cell_type'.*only 'stratified' needs"):
        CellTypes.read(cells(["T", "B"]), None, purpose="stratified seeds")


def test_missing_column_and_too_few_types_are_refused():
    with pytest.raises(InputError, match=r"no 'louvain'.*'cell_type'"):
        CellTypes.read(cells(["T", "B"]), "louvain", purpose="seeds")
    with pytest.raises(InputError, match="one label"):
        CellTypes.read(cells(["T", "T"]), "cell_type", purpose="seeds", min_types=2)
