"""LSH-GAN's rule on cases by hand, and against the walk one by one."""

import numpy as np
import pytest

from scgarage.models.gan import neighbour_subsample


def walk(neighbours, order):
    kept, dropped = [], set()
    for cell in order:
        if cell not in dropped:
            kept.append(cell)
            dropped |= set(neighbours[cell].tolist())
    return sorted(kept)


def test_by_hand():
    """Cells on a line at 0, 1, 2, 10, 11: the first keeps itself and drops 1, and 2 is then kept; 10 drops 11."""
    neighbours = np.array([[1], [0], [1], [4], [3]])
    assert neighbour_subsample(neighbours, np.arange(5)).tolist() == [0, 2, 3]
    assert neighbour_subsample(neighbours, np.array([1, 0, 2, 4, 3])).tolist() == [1, 2, 4]


def test_a_kept_cell_is_not_dropped_later():
    """The second cell lists the first, which was kept before."""
    assert neighbour_subsample(np.array([[2], [0], [0]]), np.arange(3)).tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_rounds_are_the_walk(seed):
    rng = np.random.default_rng(seed)
    neighbours = np.array([rng.permutation(np.delete(np.arange(60), i))[:4] for i in range(60)])
    order = rng.permutation(60)
    assert neighbour_subsample(neighbours, order).tolist() == walk(neighbours, order)
