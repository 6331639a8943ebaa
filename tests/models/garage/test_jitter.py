import numpy as np
import pytest

from scgarage.models.garage.model import MIN_VALIDATION, choose_jitter
from scgarage.models.garage.positions import Latent
from scgarage.models.garage.strata import Strata

CANDIDATES = (0.5, 0.7, 0.85, 1.0)


def latent_of(points, *, seeds=None):
    codes = np.zeros(len(points), dtype=np.int64)
    seeds = np.arange(len(points)) if seeds is None else seeds
    return Latent.fit(points[None], codes, Strata.of(codes, codes, 1, 1), seeds=seeds, n_neighbours=50)


def normal(n_cells, n_dims, seed):
    return np.random.default_rng(seed).normal(size=(n_cells, n_dims)).astype(np.float32)


def chosen(latent, validation, seed=0):
    return choose_jitter(latent, validation, CANDIDATES, np.random.default_rng(seed))


def test_cells_alone_in_many_dimensions_are_moved_as_far_as_can_be():
    """Each new cell would lie next to the very cell that it came from."""
    assert chosen(latent_of(normal(300, 20, 0)), normal(300, 20, 1)) == 1.0


def test_positions_that_unseen_cells_share_need_the_least_jitter():
    """Every training cell has a twin among the validation cells, so nothing is given away."""
    train = normal(300, 20, 0)
    twins = train + 1e-3 * normal(300, 20, 1)
    assert chosen(latent_of(train), twins) == CANDIDATES[0]


def test_units_of_the_dimensions_are_irrelevant():
    units = np.array([1.0, 50.0, 0.02], dtype=np.float32)
    for n_cells in (100, 400):
        train, held = normal(n_cells, 3, 0), normal(n_cells, 3, 1)
        assert chosen(latent_of(train), held) == chosen(latent_of(train * units), held * units)


@pytest.mark.parametrize("n_validation", [None, 0, MIN_VALIDATION - 1])
def test_without_enough_validation_cells_the_last_candidate_is_taken(n_validation):
    train = normal(200, 3, 0)
    held = None if n_validation is None else train[:n_validation]
    assert chosen(latent_of(train), held) == 1.0


def test_without_seeds_the_last_candidate_is_taken():
    train = normal(200, 3, 0)
    nothing = np.empty(0, dtype=np.int64)
    assert chosen(latent_of(train, seeds=nothing), train + np.float32(1e-3)) == 1.0
