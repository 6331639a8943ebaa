import anndata as ad
import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.seeds import Seeds
from scgarage.seeds.quotas import check_n_seeds, top_cells


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
