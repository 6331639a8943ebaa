import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from scgarage.errors import InputError
from scgarage.metrics import sliced_wasserstein, type_sliced_wasserstein, type_wasserstein_2

LABELS = np.repeat(["B", "T"], [25, 10])


@pytest.fixture
def cells() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(35, 3)), rng.normal(0.5, 1.2, size=(35, 3))


def test_wasserstein_matches_the_best_assignment_in_each_type(cells: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells
    values = type_wasserstein_2(real, LABELS, synthetic, LABELS)
    for name in ("B", "T"):
        cost = cdist(real[name == LABELS], synthetic[name == LABELS]) ** 2
        assert values[name] == pytest.approx(np.sqrt(cost[linear_sum_assignment(cost)].mean()))


def test_sliced_is_the_metric_of_each_type(cells: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells
    values = type_sliced_wasserstein(real, LABELS, synthetic, LABELS, n_directions=30, random_state=4)
    for name in ("B", "T"):
        mine = name == LABELS
        expected = sliced_wasserstein(real[mine], synthetic[mine], n_directions=30, random_state=4)
        assert values[name] == pytest.approx(expected)


@pytest.mark.parametrize("function", [type_sliced_wasserstein, type_wasserstein_2])
def test_order_does_not_matter_and_scale_does(function, cells: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells
    values = function(real, LABELS, synthetic, LABELS)
    rows = np.random.default_rng(1).permutation(35)
    assert function(real, LABELS, synthetic[rows], LABELS[rows]) == pytest.approx(values)
    tripled = {name: 3 * value for name, value in values.items()}
    assert function(3 * real, LABELS, 3 * synthetic, LABELS) == pytest.approx(tripled)
    assert function(real, LABELS, real, LABELS) == pytest.approx({"B": 0, "T": 0}, abs=1e-6)


@pytest.mark.parametrize("function", [type_sliced_wasserstein, type_wasserstein_2])
def test_an_absent_type_is_nan_and_a_new_one_is_left_out(function, cells: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells
    values = function(real, LABELS, synthetic, np.where(LABELS == "T", "new", LABELS))
    assert list(values) == ["B", "T"]
    assert np.isnan(values["T"])
    assert values["B"] == function(real, LABELS, synthetic, LABELS)["B"]


def test_large_types_are_subsampled_with_the_seed(cells: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells
    values = [
        type_wasserstein_2(real, LABELS, synthetic, LABELS, max_cells=12, random_state=seed) for seed in (0, 0, 1)
    ]
    assert values[0] == values[1]
    assert values[0]["B"] != values[2]["B"]
    assert values[0]["T"] == values[2]["T"]


def test_labels_must_fit_the_cells(cells: tuple[np.ndarray, np.ndarray]) -> None:
    for function in (type_sliced_wasserstein, type_wasserstein_2):
        with pytest.raises(InputError, match="real has 35 cells and real_labels 34"):
            function(cells[0], LABELS[1:], cells[1], LABELS)
