import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group

from scgarage.errors import InputError
from scgarage.metrics import memorisation_share


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


def test_rotation_scale_and_order_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    sets = [rng.normal(size=(n, 4)) for n in (50, 80, 40)]
    value = memorisation_share(*sets)
    rotation = 3 * ortho_group.rvs(4, random_state=0)
    assert memorisation_share(*[cells @ rotation for cells in sets]) == pytest.approx(value)
    assert memorisation_share(*[rng.permutation(cells) for cells in sets]) == pytest.approx(value)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="holdout has 0 cells"):
        memorisation_share(np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((0, 2)))
    with pytest.raises(InputError, match="train has 3 columns and synthetic 2"):
        memorisation_share(np.zeros((3, 2)), np.zeros((3, 3)), np.zeros((3, 2)))
