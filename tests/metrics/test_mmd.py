import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist
from scipy.stats import ortho_group

from scgarage.errors import InputError
from scgarage.metrics import mmd2


@pytest.fixture
def cells() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(30, 4)), rng.normal(0.5, 1.3, size=(20, 4))


def test_matches_the_definition_written_out(cells: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells
    median = np.median(pdist(real))

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        widths = [median * factor for factor in (0.25, 0.5, 1, 2, 4)]
        return np.mean([np.exp(-(cdist(a, b) ** 2) / (2 * width**2)) for width in widths], axis=0)

    within = [(kernel(x, x).sum() - len(x)) / (len(x) * (len(x) - 1)) for x in cells]
    assert mmd2(real, synthetic) == pytest.approx(sum(within) - 2 * kernel(real, synthetic).mean())


def test_unbiased_for_samples_of_one_population() -> None:
    rng = np.random.default_rng(1)
    values = [mmd2(*rng.normal(size=(2, 40, 3))) for _ in range(60)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(60)
    assert min(values) < 0 < max(values)


def test_order_rotation_scale_and_place_do_not_matter(cells: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells
    rotation = 7 * ortho_group.rvs(4, random_state=0)
    value = mmd2(real, synthetic)
    assert mmd2(real @ rotation + 3, synthetic @ rotation + 3) == pytest.approx(value)
    assert mmd2(real[::-1], np.random.default_rng(2).permutation(synthetic)) == pytest.approx(value)


def test_cells_far_away_reach_the_largest_value() -> None:
    # Nothing in common: what remains is how similar the cells of each side are among themselves.
    points = np.zeros((10, 2))
    assert mmd2(points, points + 1e6) == pytest.approx(2.0)
    assert mmd2(points, points) == pytest.approx(0.0)


def test_unusable_arrays_are_refused() -> None:
    with pytest.raises(InputError, match="synthetic has 1 cells; this metric needs at least 2"):
        mmd2(np.zeros((3, 2)), np.zeros((1, 2)))
