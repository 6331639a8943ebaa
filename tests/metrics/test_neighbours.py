import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group

from scgarage.errors import InputError
from scgarage.metrics import coverage, precision, recall
from scgarage.metrics.neighbours import nearest_distance


@pytest.fixture
def cells() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 4)), rng.normal(0.7, 1.5, size=(45, 4))


def radii_by_hand(cells: np.ndarray, k: int) -> np.ndarray:
    return np.sort(cdist(cells, cells), axis=1)[:, k]


@pytest.mark.parametrize("k", [1, 5])
def test_all_three_match_brute_force(cells: tuple[np.ndarray, np.ndarray], k: int) -> None:
    real, synthetic = cells
    distances = cdist(real, synthetic)
    real_radii, synthetic_radii = radii_by_hand(real, k), radii_by_hand(synthetic, k)
    inside_real, inside_synthetic = distances <= real_radii[:, None], distances <= synthetic_radii[None, :]
    assert 0 < inside_real.any(1).mean() < 1
    assert coverage(real, synthetic, k=k) == pytest.approx(inside_real.any(1).mean())
    assert precision(real, synthetic, k=k) == pytest.approx(inside_real.any(0).mean())
    assert recall(real, synthetic, k=k) == pytest.approx(inside_synthetic.any(1).mean())


def test_masked_coverage_keeps_the_radii_of_all_cells(cells: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells
    mask = np.arange(len(real)) < 12
    covered = cdist(real, synthetic).min(axis=1) <= radii_by_hand(real, 5)
    assert coverage(real, synthetic, mask=mask) == pytest.approx(covered[mask].mean())
    own_radii = coverage(real[mask], synthetic)
    assert own_radii > covered[mask].mean()  # fewer cells, wider balls: what the mask must not do


@pytest.mark.parametrize("function", [coverage, precision, recall])
def test_rotation_scale_and_order_do_not_matter(function, cells: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells
    value = function(real, synthetic)
    rotation = 10 * ortho_group.rvs(4, random_state=0)
    rng = np.random.default_rng(1)
    assert function(real @ rotation, synthetic @ rotation) == pytest.approx(value)
    assert function(rng.permutation(real), rng.permutation(synthetic)) == pytest.approx(value)


def test_extremes() -> None:
    real = np.random.default_rng(2).normal(size=(40, 3))
    collapsed = np.repeat(real[:1], 40, axis=0)
    assert coverage(real, real) == precision(real, real) == recall(real, real) == 1.0
    assert coverage(real, real + 100) == precision(real, real + 100) == recall(real, real + 100) == 0.0
    assert precision(real, collapsed) == 1.0
    assert coverage(real, collapsed) < 0.5


def test_nearest_distance_is_exactly_zero_for_copies() -> None:
    cells = np.random.default_rng(3).normal(1000, 1, size=(200, 30))
    assert (nearest_distance(cells[:50], cells) == 0).all()
    others = cells + 1.0
    assert nearest_distance(cells, others) == pytest.approx(cdist(cells, others).min(axis=1))


def test_bad_input_is_refused() -> None:
    real = np.zeros((10, 2))
    with pytest.raises(InputError, match="real has 5 cells; this metric needs at least 6"):
        coverage(real[:5], real)
    with pytest.raises(InputError, match="synthetic has 5 cells; this metric needs at least 6"):
        recall(real, real[:5])
    with pytest.raises(InputError, match=r"mask has shape \(3,\)"):
        coverage(real, real, mask=np.ones(3, dtype=bool))
    with pytest.raises(InputError, match="mask picks no real cell"):
        coverage(real, real, mask=np.zeros(10, dtype=bool))
