import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.seeds import rare_types, top_per_type, type_quotas


def cases(n_cases: int = 300):
    """Random type counts with a feasible number of places, minimum and mask of rare types."""
    rng = np.random.default_rng(0)
    for _ in range(n_cases):
        counts = rng.integers(0, rng.choice([5, 50, 3_000]), size=rng.integers(1, 12))
        counts[0] += 1
        n = int(rng.integers(1, counts.sum() + 1))
        yield (
            counts,
            n,
            int(rng.integers(0, 20)),
            rng.random(len(counts)) < 0.4,
            rng.choice([0.0, 0.5, 1.0, 1.7]),
        )


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
    ("n", "expected"),
    [(1, [0, 0, 0, 1, 0]), (2, [0, 0, 1, 1, 0]), (3, [1, 0, 1, 1, 0]), (4, [1, 0, 1, 1, 1])],
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
