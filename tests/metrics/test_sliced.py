import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import wasserstein_distance

from scgarage.errors import InputError
from scgarage.metrics import sliced_wasserstein


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
def test_unusable_arrays_are_refused(real: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sliced_wasserstein(real, np.zeros((4, 3)))
