import numpy as np
import pytest

from scgarage.models.garage.factor_model import divide
from scgarage.models.garage.strata import Strata

TYPES, BATCHES = ("B", "NK", "T"), ("x", "y")


def strata_of(sizes, n_batches=1):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    return Strata.of(codes // n_batches, codes % n_batches, len(sizes) // n_batches, n_batches)


def divided(wanted, strata, seed=0):
    codes = divide(wanted, strata, TYPES, BATCHES if strata.n_batches > 1 else (), np.random.default_rng(seed))
    return codes, np.bincount(codes, minlength=len(strata.sizes))


def test_exact_multiples_give_exact_proportions_in_mixed_order():
    codes, counts = divided(200, strata_of([50, 30, 20]))
    assert counts.tolist() == [100, 60, 40]
    assert (np.diff(codes) != 0).mean() > 0.3


@pytest.mark.parametrize("number", [1, 2, 7, 99, 100, 101, 12_345])
@pytest.mark.parametrize("sizes", [[50, 30, 20], [1, 1, 1], [997, 2, 1], [3, 0, 4]])
def test_numbers_are_off_by_less_than_one_cell(number, sizes):
    _, counts = divided(number, strata_of(sizes))
    assert counts.sum() == number
    assert np.abs(counts - number * np.array(sizes) / sum(sizes)).max() < 1


def test_what_is_left_over_is_fair():
    """A type of 1 % comes in 1 % of single cells."""
    strata = strata_of([70, 25, 5])
    first = [int(divided(1, strata, seed)[0][0]) for seed in range(2000)]
    np.testing.assert_allclose(np.bincount(first, minlength=3) / 2000, [0.7, 0.25, 0.05], atol=0.03)


def test_as_many_cells_as_in_training_repeat_every_stratum():
    _, counts = divided(21, strata_of([3, 1, 4, 1, 5, 7], n_batches=2))
    assert counts.tolist() == [3, 1, 4, 1, 5, 7]


def test_types_are_divided_among_their_batches_and_come_in_order():
    codes, counts = divided({"T": 12, "B": 4}, strata_of([3, 1, 4, 1, 5, 7], n_batches=2))
    assert counts.tolist() == [3, 1, 0, 0, 5, 7]
    assert (codes[:12] >= 4).all()
    assert (codes[12:] < 4).all()


def test_combinations_never_seen_can_be_asked_for():
    codes, _ = divided({("B", "y"): 3, ("NK", "x"): 2}, strata_of([5, 0, 4, 1, 5, 7], n_batches=2))
    assert codes.tolist() == [1, 1, 1, 2, 2]
    assert divided({"B": 9}, strata_of([5, 0, 4, 1, 5, 7], n_batches=2))[1].tolist() == [9, 0, 0, 0, 0, 0]


def test_a_type_that_is_not_there_is_no_stratum():
    with pytest.raises(ValueError, match="not in tuple"):
        divided({"nonsense": 3}, strata_of([5, 4, 1]))
