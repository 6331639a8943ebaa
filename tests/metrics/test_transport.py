import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group

from scgarage.errors import InputError
from scgarage.metrics import exact_wasserstein


@pytest.mark.parametrize("order", [1, 2])
def test_matches_optimal_assignment(order: int) -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(40, 6)), rng.normal(0.5, 2, size=(40, 6))
    cost = cdist(real, synthetic) ** order
    best = cost[linear_sum_assignment(cost)].mean() ** (1 / order)
    assert exact_wasserstein(real, synthetic, order=order) == pytest.approx(best)


@pytest.mark.parametrize("order", [1, 2])
def test_shift_is_the_distance(order: int) -> None:
    cells = np.random.default_rng(1).normal(size=(25, 3))
    assert exact_wasserstein(cells, cells + np.array([2.0, 0.0, 0.0]), order=order) == pytest.approx(2.0)


def test_unequal_sizes_split_the_mass() -> None:
    # One real cell at 0 faces two synthetic ones at 1 and 3.
    assert exact_wasserstein([[0.0]], [[1.0], [3.0]]) == pytest.approx(2.0)
    assert exact_wasserstein([[0.0]], [[1.0], [3.0]], order=2) == pytest.approx(np.sqrt(5.0))


@pytest.mark.parametrize("order", [1, 2])
def test_rotation_and_order_of_cells_do_not_matter(order: int) -> None:
    rng = np.random.default_rng(2)
    real, synthetic = rng.normal(size=(30, 4)), rng.normal(1, 1, size=(20, 4))
    value = exact_wasserstein(real, synthetic, order=order)
    rotation = ortho_group.rvs(4, random_state=0)
    assert exact_wasserstein(real @ rotation, synthetic @ rotation, order=order) == pytest.approx(value)
    assert exact_wasserstein(rng.permutation(real), synthetic, order=order) == pytest.approx(value)
    assert exact_wasserstein(2 * real, 2 * synthetic, order=order) == pytest.approx(2 * value)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="order is 3"):
        exact_wasserstein([[0.0]], [[1.0]], order=3)
    with pytest.raises(InputError, match="synthetic has 1 columns and real 2"):
        exact_wasserstein([[0.0, 1.0]], [[1.0]])
    with pytest.raises(InputError, match="synthetic holds NaN"):
        exact_wasserstein([[0.0]], [[np.inf]])
