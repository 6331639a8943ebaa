import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, pdist
from scipy.special import gammaln
from scipy.stats import ortho_group, wasserstein_distance

from scgarage.errors import InputError
from scgarage.metrics import exact_wasserstein, mmd2, sliced_wasserstein, type_sliced_wasserstein, type_wasserstein_2

LABELS = np.repeat(["B", "T"], [25, 10])


@pytest.fixture
def cells_conditional() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(35, 3)), rng.normal(0.5, 1.2, size=(35, 3))


def test_wasserstein_matches_the_best_assignment_in_each_type(cells_conditional: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells_conditional
    values = type_wasserstein_2(real, LABELS, synthetic, LABELS)
    for name in ("B", "T"):
        cost = cdist(real[name == LABELS], synthetic[name == LABELS]) ** 2
        assert values[name] == pytest.approx(np.sqrt(cost[linear_sum_assignment(cost)].mean()))


def test_sliced_is_the_metric_of_each_type(cells_conditional: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells_conditional
    values = type_sliced_wasserstein(real, LABELS, synthetic, LABELS, n_directions=30, random_state=4)
    for name in ("B", "T"):
        mine = name == LABELS
        expected = sliced_wasserstein(real[mine], synthetic[mine], n_directions=30, random_state=4)
        assert values[name] == pytest.approx(expected)


@pytest.mark.parametrize("function", [type_sliced_wasserstein, type_wasserstein_2])
def test_order_does_not_matter_and_scale_does(function, cells_conditional: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells_conditional
    values = function(real, LABELS, synthetic, LABELS)
    rows = np.random.default_rng(1).permutation(35)
    assert function(real, LABELS, synthetic[rows], LABELS[rows]) == pytest.approx(values)
    tripled = {name: 3 * value for name, value in values.items()}
    assert function(3 * real, LABELS, 3 * synthetic, LABELS) == pytest.approx(tripled)
    assert function(real, LABELS, real, LABELS) == pytest.approx({"B": 0, "T": 0}, abs=1e-6)


@pytest.mark.parametrize("function", [type_sliced_wasserstein, type_wasserstein_2])
def test_an_absent_type_is_nan_and_a_new_one_is_left_out(
    function, cells_conditional: tuple[np.ndarray, np.ndarray]
) -> None:
    real, synthetic = cells_conditional
    values = function(real, LABELS, synthetic, np.where(LABELS == "T", "new", LABELS))
    assert list(values) == ["B", "T"]
    assert np.isnan(values["T"])
    assert values["B"] == function(real, LABELS, synthetic, LABELS)["B"]


def test_large_types_are_subsampled_with_the_seed(cells_conditional: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells_conditional
    values = [
        type_wasserstein_2(real, LABELS, synthetic, LABELS, max_cells=12, random_state=seed) for seed in (0, 0, 1)
    ]
    assert values[0] == values[1]
    assert values[0]["B"] != values[2]["B"]
    assert values[0]["T"] == values[2]["T"]


def test_labels_must_fit_the_cells(cells_conditional: tuple[np.ndarray, np.ndarray]) -> None:
    for function in (type_sliced_wasserstein, type_wasserstein_2):
        with pytest.raises(InputError, match="real has 35 cells and real_labels 34"):
            function(cells_conditional[0], LABELS[1:], cells_conditional[1], LABELS)


@pytest.fixture
def cells_mmd() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(30, 4)), rng.normal(0.5, 1.3, size=(20, 4))


def test_matches_the_definition_written_out(cells_mmd: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells_mmd
    median = np.median(pdist(real))

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        widths = [median * factor for factor in (0.25, 0.5, 1, 2, 4)]
        return np.mean([np.exp(-(cdist(a, b) ** 2) / (2 * width**2)) for width in widths], axis=0)

    within = [(kernel(x, x).sum() - len(x)) / (len(x) * (len(x) - 1)) for x in cells_mmd]
    assert mmd2(real, synthetic) == pytest.approx(sum(within) - 2 * kernel(real, synthetic).mean())


def test_unbiased_for_samples_of_one_population() -> None:
    rng = np.random.default_rng(1)
    values = [mmd2(*rng.normal(size=(2, 40, 3))) for _ in range(60)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(60)
    assert min(values) < 0 < max(values)


def test_order_rotation_scale_and_place_do_not_matter(cells_mmd: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells_mmd
    rotation = 7 * ortho_group.rvs(4, random_state=0)
    value = mmd2(real, synthetic)
    assert mmd2(real @ rotation + 3, synthetic @ rotation + 3) == pytest.approx(value)
    assert mmd2(real[::-1], np.random.default_rng(2).permutation(synthetic)) == pytest.approx(value)


def test_cells_far_away_reach_the_largest_value() -> None:
    # Nothing in common: what remains is how similar the cells of each side are among themselves.
    points = np.zeros((10, 2))
    assert mmd2(points, points + 1e6) == pytest.approx(2.0)
    assert mmd2(points, points) == pytest.approx(0.0)


def test_mmd_unusable_arrays_are_refused() -> None:
    with pytest.raises(InputError, match="synthetic has 1 cells; this metric needs at least 2"):
        mmd2(np.zeros((3, 2)), np.zeros((1, 2)))


def test_shift_matches_closed_form() -> None:
    # W1 of a shift v along direction t is |<v, t>|, whose mean over the sphere has a closed form.
    n_dims, shift = 5, np.array([3.0, 0, -4.0, 0, 0])
    cells = np.random.default_rng(0).normal(size=(60, n_dims))
    mean_cosine = np.exp(gammaln(n_dims / 2) - gammaln((n_dims + 1) / 2)) / np.sqrt(np.pi)
    value = sliced_wasserstein(cells, cells + shift, n_directions=20_000)
    assert value == pytest.approx(5.0 * mean_cosine, rel=0.02)


def test_one_dimension_matches_scipy_for_unequal_sizes() -> None:
    rng = np.random.default_rng(1)
    real, synthetic = rng.normal(size=40), rng.exponential(size=73)
    value = sliced_wasserstein(real[:, None], synthetic[:, None])
    assert value == pytest.approx(wasserstein_distance(real, synthetic))


def test_order_of_cells_and_of_sets_does_not_matter_and_scale_does() -> None:
    rng = np.random.default_rng(2)
    real, synthetic = rng.normal(size=(50, 4)), rng.normal(1, 2, size=(40, 4))
    value = sliced_wasserstein(real, synthetic)
    assert sliced_wasserstein(rng.permutation(real), synthetic) == pytest.approx(value)
    assert sliced_wasserstein(synthetic, real) == pytest.approx(value)
    assert sliced_wasserstein(3 * real, 3 * synthetic) == pytest.approx(3 * value)
    assert sliced_wasserstein(real, real) == pytest.approx(0, abs=1e-12)


def test_seed_fixes_the_directions() -> None:
    rng = np.random.default_rng(3)
    real, synthetic = rng.normal(size=(30, 6)), rng.normal(1, 1, size=(30, 6))
    values = [sliced_wasserstein(real, synthetic, n_directions=5, random_state=s) for s in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize(
    ("real", "message"),
    [
        (np.zeros((3, 2)), "real has 2 columns|synthetic has 3 columns"),
        (np.zeros((0, 3)), "real has 0 cells"),
        (np.zeros(3), r"real has shape \(3,\)"),
        (np.full((3, 3), np.nan), "real holds NaN"),
    ],
)
def test_sliced_unusable_arrays_are_refused(real: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sliced_wasserstein(real, np.zeros((4, 3)))


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
