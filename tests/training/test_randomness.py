"""Seeding leaves no trace."""

import numpy as np
import pytest
import torch

from scgarage.training import seeded
from scgarage.training.batches import reseed


def test_same_seed_same_numbers_and_another_seed_others():
    draws = []
    for seed in (0, 0, 1, (0, 1), (0, 1), (1, 0)):
        with seeded(seed):
            draws.append(torch.rand(4).tolist())
    assert draws[0] == draws[1]
    assert draws[3] == draws[4]
    assert len({tuple(d) for d in draws}) == 4


def test_plain_seed_is_that_of_torch():
    expected = torch.rand(3, generator=torch.Generator().manual_seed(7))
    with seeded(7):
        assert torch.equal(torch.rand(3), expected)


def test_numpy_integers_are_seeds():
    with seeded(7):
        expected = torch.rand(3)
    with seeded(np.int64(7)):
        assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("fail", [False, True])
def test_callers_state_comes_back_even_after_an_error(fail: bool):
    before = torch.get_rng_state()
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002  (the global state is what is tested)
    try:
        with seeded(3):
            torch.rand(5)
            with seeded(4):
                torch.rand(5)
            reseed([1, 2])
            if fail:
                raise RuntimeError
    except RuntimeError:
        pass
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


def test_inner_block_does_not_disturb_the_outer_one():
    with seeded(5):
        expected = torch.rand(4)
    with seeded(5):
        first = torch.rand(2)
        with seeded(9):
            torch.rand(100)
        second = torch.rand(2)
    assert torch.equal(torch.cat([first, second]), expected)
