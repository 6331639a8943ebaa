import numpy as np
import pytest
from scipy import sparse

from scgarage.imputation import log_fold_changes, marker_change


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    types = np.repeat(["a", "b", "c"], [30, 20, 10])
    return rng.gamma(1.0, 1.0, size=(60, 15)) + (types[:, None] == "b") * np.arange(15), types


def test_changes_match_means(cells):
    values, types = cells
    found = log_fold_changes(sparse.csr_matrix(values), types)
    for row, name in enumerate(["a", "b", "c"]):
        expected = values[types == name].mean(axis=0) - values[types != name].mean(axis=0)
        np.testing.assert_allclose(found[row], expected)


def test_same_cells_have_the_same_markers(cells):
    values, types = cells
    change = marker_change(values, values, types)
    assert change.correlation == pytest.approx(1)
    assert change.slope == pytest.approx(1)


def test_slope_is_the_factor_and_order_does_not_matter(cells):
    values, types = cells
    assert marker_change(0.4 * values, values, types).slope == pytest.approx(0.4)
    order = np.random.default_rng(1).permutation(len(types))
    noisy = values + np.random.default_rng(2).normal(size=values.shape)
    first, second = marker_change(noisy, values, types), marker_change(noisy[order], values[order], types[order])
    np.testing.assert_allclose(first, second)


def test_nothing_left_is_no_correlation(cells):
    values, types = cells
    assert marker_change(np.zeros_like(values), values, types) == (0.0, 0.0)
