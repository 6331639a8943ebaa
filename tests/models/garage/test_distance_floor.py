import numpy as np
import pytest
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from scgarage.io.cells import log1p_cp10k
from scgarage.models.garage.redraw import FLOOR, DistanceFloor

GENES = np.arange(80)
LABELS = np.repeat([0, 1], 150)


def cells(seed: int, n_genes: int = 80) -> sparse.csr_matrix:
    rng = np.random.default_rng(7)
    means = rng.gamma(1.0, 3.0, (2, n_genes))[LABELS]
    own = np.random.default_rng(seed).lognormal(0, 0.5, means.shape)
    return sparse.csr_matrix(np.random.default_rng(seed).poisson(means * own).astype(np.float32))


@pytest.fixture(scope="module")
def floor() -> DistanceFloor:
    return DistanceFloor.fit(log1p_cp10k(cells(0)), GENES, LABELS, random_state=0)


def test_the_rule_is_that_of_the_docstring(floor: DistanceFloor) -> None:
    made = log1p_cp10k(cells(1))
    points = floor.components.transform(made)
    gaps = np.linalg.norm(points[:, None] - floor.points[None], axis=2)
    between = np.linalg.norm(floor.points[:, None] - floor.points[None], axis=2)
    np.fill_diagonal(between, np.inf)
    nearest = gaps.argmin(axis=1)
    share = np.median(floor.reach / between.min(axis=1))
    assert 0 < share <= FLOOR + 1e-6
    expected = gaps.min(axis=1) < share * between.min(axis=1)[nearest]
    np.testing.assert_array_equal(floor.broken_by(made), expected)


def test_copies_and_near_copies_break_it_and_fresh_cells_hardly_do(floor: DistanceFloor) -> None:
    real = cells(0)
    thinned = real.copy()
    thinned.data = np.random.default_rng(1).binomial(real.data.astype(int), 0.95).astype(np.float32)
    assert floor.broken_by(log1p_cp10k(real)).all()
    assert floor.broken_by(log1p_cp10k(thinned)).mean() > 0.9
    assert np.mean([floor.broken_by(log1p_cp10k(cells(seed))).mean() for seed in range(1, 6)]) < 0.05


def test_few_genes_lower_the_floor() -> None:
    """In two dimensions a third of all real cells lie within 0.7 of a neighbour's distance to its own neighbour."""
    few = DistanceFloor.fit(log1p_cp10k(cells(0, 3)), GENES[:3], LABELS, random_state=0)
    made = log1p_cp10k(cells(1, 3))
    to_other = NearestNeighbors(n_neighbors=2).fit(few.points).kneighbors(few.points)[0][:, 1]
    distance, nearest = NearestNeighbors(n_neighbors=1).fit(few.points).kneighbors(few.components.transform(made))
    assert (distance[:, 0] < FLOOR * to_other[nearest[:, 0]]).mean() > 0.15
    assert few.broken_by(made).mean() < 0.06


def test_order_of_cells_does_not_matter(floor: DistanceFloor) -> None:
    made, order = log1p_cp10k(cells(3)), np.random.default_rng(0).permutation(300)
    np.testing.assert_array_equal(floor.broken_by(made[order]), floor.broken_by(made)[order])


@pytest.mark.parametrize("real", [cells(0)[:2], sparse.csr_matrix(np.ones((5, 80), dtype=np.float32))])
def test_nothing_is_refused_where_nothing_can_be_compared(real: sparse.csr_matrix) -> None:
    floor = DistanceFloor.fit(log1p_cp10k(real), GENES, np.zeros(real.shape[0], dtype=np.int64), random_state=0)
    assert not floor.broken_by(log1p_cp10k(cells(1))).any()


def test_no_cells_break_nothing(floor: DistanceFloor) -> None:
    assert floor.broken_by(log1p_cp10k(cells(1))[:0]).shape == (0,)
