import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group

from scgarage.errors import InputError
from scgarage.metrics import density


@pytest.mark.parametrize("k", [1, 5])
def test_matches_brute_force(k: int) -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(60, 4)), rng.normal(0.7, 1.5, size=(45, 4))
    radii = np.sort(cdist(real, real), axis=1)[:, k]
    expected = (cdist(synthetic, real) <= radii[None, :]).sum() / (k * len(synthetic))
    assert 0 < expected < 1
    assert density(real, synthetic, k=k) == pytest.approx(expected)


def test_one_population_gives_one_and_crowding_more() -> None:
    rng = np.random.default_rng(1)
    real = rng.normal(size=(400, 3))
    assert density(real, rng.normal(size=(400, 3))) == pytest.approx(1.0, abs=0.1)
    assert density(real, rng.normal(0, 0.3, size=(400, 3))) > 1.05
    assert density(real, rng.normal(0, 3.0, size=(400, 3))) < 0.5


def test_rotation_scale_and_order_do_not_matter() -> None:
    rng = np.random.default_rng(2)
    real, synthetic = rng.normal(size=(50, 4)), rng.normal(0.4, 1, size=(30, 4))
    rotation = 10 * ortho_group.rvs(4, random_state=0)
    value = density(real, synthetic)
    assert density(real @ rotation, synthetic @ rotation) == pytest.approx(value)
    assert density(real[::-1], synthetic[::-1]) == value


def test_too_few_cells_are_refused() -> None:
    with pytest.raises(InputError, match="real has 5 cells; this metric needs at least 6"):
        density(np.zeros((5, 2)), np.zeros((9, 2)))
