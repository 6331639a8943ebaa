import numpy as np
import pytest

from scgarage.models.gene_space import LibrarySizes


def drawn(sizes, label, n=20_000):
    return np.log(sizes.draw(np.full(n, label), np.random.default_rng(1)))


def test_moments_of_large_types_come_back():
    rng = np.random.default_rng(0)
    totals = np.exp(np.concatenate([rng.normal(6, 0.2, 3000), rng.normal(8, 0.5, 3000)]))
    sizes = LibrarySizes.fit(totals, np.repeat([0, 1], 3000), 2)
    assert drawn(sizes, 0).mean() == pytest.approx(6, abs=0.02)
    assert drawn(sizes, 1).std() == pytest.approx(0.5, abs=0.03)
    assert drawn(sizes, -1).mean() == pytest.approx(7, abs=0.1)


def test_draws_stay_in_the_range_of_the_type():
    totals = np.array([100.0, 200.0, 150.0, 5000.0, 9000.0])
    sizes = LibrarySizes.fit(totals, np.array([0, 0, 0, 1, 1]), 2)
    assert drawn(sizes, 0).max() <= np.log(200) + 1e-9
    assert drawn(sizes, 1).min() >= np.log(5000) - 1e-9


def test_spread_of_a_small_type_is_drawn_to_the_pooled_spread():
    rng = np.random.default_rng(0)
    totals = np.exp(np.concatenate([rng.normal(6, 0.5, 1000), [7.0, 7.0]]))
    sizes = LibrarySizes.fit(totals, np.array([0] * 1000 + [1] * 2), 2)
    assert 0.3 < sizes.spread[1] < 0.5  # its own spread is zero
