import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.seeds import MixedSelector, community_scores, farthest_first, take_turns


def one_by_one(first, second):
    """The order of a game in which two pick in turns, each the best left by its own score."""
    queues = [np.lexsort((-second, -first)).tolist(), np.lexsort((-first, -second)).tolist()]
    order = []
    for turn in range(2 * len(first)):
        cell = queues[turn % 2][turn // 2]
        if cell not in order:
            order.append(cell)
    return order


@pytest.mark.parametrize("decimals", [8, 1])
def test_turns_are_those_of_the_game(decimals):
    first, second = np.random.default_rng(0).normal(size=(2, 50)).round(decimals)
    assert np.argsort(-take_turns(first, second)).tolist() == one_by_one(first, second)


def test_half_of_the_first_seeds_are_the_best_of_each():
    first, second = np.arange(100.0), np.arange(100.0)[::-1]
    assert set(np.argsort(-take_turns(first, second))[:20]) == {*range(10), *range(90, 100)}


def test_order_of_the_cells_and_monotone_changes_of_a_score_are_irrelevant():
    first, second = np.random.default_rng(0).normal(size=(2, 50))
    expected, order = take_turns(first, second), np.random.default_rng(1).permutation(50)
    np.testing.assert_array_equal(take_turns(first[order], second[order]), expected[order])
    np.testing.assert_array_equal(take_turns(np.exp(first), 3 * second - 1), expected)


def test_scores_are_the_turns_of_community_and_coverage(typed_cells):
    points = typed_cells.obsm["X_pca"]
    seeds = MixedSelector(use_rep="X_pca", coverage="k_centre").select(typed_cells, 30)
    np.testing.assert_array_equal(seeds.scores, take_turns(community_scores(points), farthest_first(points, 30)))


def test_coverage_can_be_either(typed_cells):
    first, second = (
        MixedSelector(use_rep="X_pca", coverage=name).select(typed_cells, 30).scores
        for name in ("k_centre", "facility_location")
    )
    assert not np.array_equal(first, second)


def test_other_coverages_are_refused():
    with pytest.raises(InputError, match="coverage must be 'k_centre' or 'facility_location'; found 'density'"):
        MixedSelector(coverage="density")
