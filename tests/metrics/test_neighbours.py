import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group

from scgarage.errors import InputError
from scgarage.metrics import coverage, density, memorisation_share, precision, recall
from scgarage.metrics.neighbours import nearest_distance


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


def test_density_rotation_scale_and_order_do_not_matter() -> None:
    rng = np.random.default_rng(2)
    real, synthetic = rng.normal(size=(50, 4)), rng.normal(0.4, 1, size=(30, 4))
    rotation = 10 * ortho_group.rvs(4, random_state=0)
    value = density(real, synthetic)
    assert density(real @ rotation, synthetic @ rotation) == pytest.approx(value)
    assert density(real[::-1], synthetic[::-1]) == value


def test_too_few_cells_are_refused() -> None:
    with pytest.raises(InputError, match="real has 5 cells; this metric needs at least 6"):
        density(np.zeros((5, 2)), np.zeros((9, 2)))


def test_equal_sizes_give_the_plain_share() -> None:
    synthetic, train, holdout = np.random.default_rng(0).normal(size=(3, 50, 4))
    share = (cdist(synthetic, train).min(1) < cdist(synthetic, holdout).min(1)).mean()
    assert memorisation_share(synthetic, train, holdout) == pytest.approx(share)


@pytest.mark.parametrize(("n_train", "n_holdout"), [(150, 150), (450, 150), (100, 400)])
def test_fresh_cells_give_a_half_whatever_the_sizes(n_train: int, n_holdout: int) -> None:
    rng = np.random.default_rng(1)
    values = [
        memorisation_share(rng.normal(size=(200, 5)), rng.normal(size=(n_train, 5)), rng.normal(size=(n_holdout, 5)))
        for _ in range(20)
    ]
    assert np.mean(values) == pytest.approx(0.5, abs=0.02)


def test_copies_of_some_of_many_training_cells_are_seen() -> None:
    rng = np.random.default_rng(2)
    train, holdout = rng.normal(size=(600, 5)), rng.normal(size=(200, 5))
    copies = train[rng.choice(600, 300)]
    assert memorisation_share(copies, train, holdout) == 1.0
    assert memorisation_share(copies + rng.normal(0, 0.05, copies.shape), train, holdout) > 0.95
    assert memorisation_share(copies, holdout, train) == 0.0


def test_ties_count_half() -> None:
    train = holdout = np.array([[0.0, 0.0]])
    assert memorisation_share([[1.0, 0.0], [3.0, 1.0]], train, holdout) == 0.5
    assert memorisation_share([[0.0, 0.0]], np.zeros((7, 2)), holdout) == pytest.approx(0.5)


def test_memorisation_rotation_scale_and_order_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    sets = [rng.normal(size=(n, 4)) for n in (50, 80, 40)]
    value = memorisation_share(*sets)
    rotation = 3 * ortho_group.rvs(4, random_state=0)
    assert memorisation_share(*[cells @ rotation for cells in sets]) == pytest.approx(value)
    assert memorisation_share(*[rng.permutation(cells) for cells in sets]) == pytest.approx(value)


def test_memorisation_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="holdout has 0 cells"):
        memorisation_share(np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((0, 2)))
    with pytest.raises(InputError, match="train has 3 columns and synthetic 2"):
        memorisation_share(np.zeros((3, 2)), np.zeros((3, 3)), np.zeros((3, 2)))


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
def test_neighbours_rotation_scale_and_order_do_not_matter(function, cells: tuple[np.ndarray, np.ndarray]) -> None:
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


def test_neighbours_bad_input_is_refused() -> None:
    real = np.zeros((10, 2))
    with pytest.raises(InputError, match="real has 5 cells; this metric needs at least 6"):
        coverage(real[:5], real)
    with pytest.raises(InputError, match="synthetic has 5 cells; this metric needs at least 6"):
        recall(real, real[:5])
    with pytest.raises(InputError, match=r"mask has shape \(3,\)"):
        coverage(real, real, mask=np.ones(3, dtype=bool))
    with pytest.raises(InputError, match="mask picks no real cell"):
        coverage(real, real, mask=np.zeros(10, dtype=bool))
