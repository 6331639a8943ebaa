import numpy as np
import pytest
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from scgarage.io.cells import log1p_cp10k
from scgarage.models.garage.redraw import FLOOR, N_REDRAWS, DistanceFloor, Fingerprints, _nearest, redraw


def cells_copies(n_cells=300, n_genes=40, seed=0):
    return sparse.csr_matrix(np.random.default_rng(seed).poisson(1.0, (n_cells, n_genes)).astype(np.float32))


def test_copies_are_found_and_changed_cells_are_not():
    known = cells_copies()
    prints = Fingerprints.of(known)
    assert prints.match(known[[5, 200, 5]]).all()
    assert not prints.match(cells_copies(seed=1)).any()
    changed = known[:50].toarray()
    changed[np.arange(50), np.arange(50) % 40] += 1
    assert not prints.match(sparse.csr_matrix(changed)).any()


def test_mixed_cells_are_told_apart_row_by_row():
    known, new = cells_copies(), cells_copies(seed=1)
    both = sparse.csr_matrix(sparse.vstack([new[:3], known[:2], new[3:5]]))
    assert Fingerprints.of(known).match(both).tolist() == [False] * 3 + [True] * 2 + [False] * 2


def test_it_agrees_with_a_comparison_of_rows():
    known, made = cells_copies(400, 4), cells_copies(400, 4, seed=2)
    seen = {tuple(row) for row in known.toarray()}
    expected = [tuple(row) in seen for row in made.toarray()]
    assert 0 < sum(expected) < 400
    np.testing.assert_array_equal(Fingerprints.of(known).match(made), expected)


def test_order_of_indices_of_cells_and_stored_zeros_are_irrelevant():
    known = cells_copies()
    numbers = Fingerprints.of(known).numbers
    order = np.random.default_rng(0).permutation(known.shape[0])
    np.testing.assert_array_equal(Fingerprints.of(known[order]).numbers, numbers)
    backwards = sparse.csr_matrix(
        (known.data[::-1].copy(), known.indices[::-1].copy(), known.indptr[-1] - known.indptr[::-1]), shape=known.shape
    )
    np.testing.assert_array_equal(Fingerprints.of(backwards).numbers, numbers)
    dense = known.toarray()
    rows, genes = np.indices(dense.shape).reshape(2, -1)
    stored = sparse.csr_matrix((dense.ravel(), genes, np.arange(0, dense.size + 1, dense.shape[1])), shape=dense.shape)
    assert stored.nnz == dense.size
    np.testing.assert_array_equal(Fingerprints.of(stored).numbers, numbers)
    assert len(rows) == dense.size


def test_swapped_values_are_another_cell():
    prints = Fingerprints.of(sparse.csr_matrix(np.array([[1.0, 2.0, 0.0]], dtype=np.float32)))
    others = np.array([[2, 1, 0], [0, 1, 2], [3, 0, 0], [1, 2, 1]], dtype=np.float32)
    assert not prints.match(sparse.csr_matrix(others)).any()


@pytest.mark.parametrize("n_cells", [0, 1])
def test_few_cells(n_cells):
    prints = Fingerprints.of(cells_copies())
    assert prints.match(cells_copies()[:n_cells]).tolist() == [True] * n_cells
    assert not Fingerprints.of(cells_copies()[:0]).match(cells_copies()).any()


GENES = np.arange(80)
LABELS = np.repeat([0, 1], 150)


def cells_distance_floor(seed: int, n_genes: int = 80) -> sparse.csr_matrix:
    rng = np.random.default_rng(7)
    means = rng.gamma(1.0, 3.0, (2, n_genes))[LABELS]
    own = np.random.default_rng(seed).lognormal(0, 0.5, means.shape)
    return sparse.csr_matrix(np.random.default_rng(seed).poisson(means * own).astype(np.float32))


@pytest.fixture(scope="module")
def floor() -> DistanceFloor:
    return DistanceFloor.fit(log1p_cp10k(cells_distance_floor(0)), GENES, LABELS, random_state=0)


def test_the_rule_is_that_of_the_docstring(floor: DistanceFloor) -> None:
    made = log1p_cp10k(cells_distance_floor(1))
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
    real = cells_distance_floor(0)
    thinned = real.copy()
    thinned.data = np.random.default_rng(1).binomial(real.data.astype(int), 0.95).astype(np.float32)
    assert floor.broken_by(log1p_cp10k(real)).all()
    assert floor.broken_by(log1p_cp10k(thinned)).mean() > 0.9
    assert np.mean([floor.broken_by(log1p_cp10k(cells_distance_floor(seed))).mean() for seed in range(1, 6)]) < 0.05


def test_few_genes_lower_the_floor() -> None:
    """In two dimensions a third of all real cells lie within 0.7 of a neighbour's distance to its own neighbour."""
    few = DistanceFloor.fit(log1p_cp10k(cells_distance_floor(0, 3)), GENES[:3], LABELS, random_state=0)
    made = log1p_cp10k(cells_distance_floor(1, 3))
    to_other = NearestNeighbors(n_neighbors=2).fit(few.points).kneighbors(few.points)[0][:, 1]
    distance, nearest = NearestNeighbors(n_neighbors=1).fit(few.points).kneighbors(few.components.transform(made))
    assert (distance[:, 0] < FLOOR * to_other[nearest[:, 0]]).mean() > 0.15
    assert few.broken_by(made).mean() < 0.06


def test_order_of_cells_does_not_matter(floor: DistanceFloor) -> None:
    made, order = log1p_cp10k(cells_distance_floor(3)), np.random.default_rng(0).permutation(300)
    np.testing.assert_array_equal(floor.broken_by(made[order]), floor.broken_by(made)[order])


@pytest.mark.parametrize("real", [cells_distance_floor(0)[:2], sparse.csr_matrix(np.ones((5, 80), dtype=np.float32))])
def test_nothing_is_refused_where_nothing_can_be_compared(real: sparse.csr_matrix) -> None:
    floor = DistanceFloor.fit(log1p_cp10k(real), GENES, np.zeros(real.shape[0], dtype=np.int64), random_state=0)
    assert not floor.broken_by(log1p_cp10k(cells_distance_floor(1))).any()


def test_no_cells_break_nothing(floor: DistanceFloor) -> None:
    assert floor.broken_by(log1p_cp10k(cells_distance_floor(1))[:0]).shape == (0,)


def cells_redraw(seed: int, n_cells: int = 120) -> sparse.csr_matrix:
    means = np.random.default_rng(7).gamma(1.0, 5.0, 50)
    return sparse.csr_matrix(np.random.default_rng(seed).poisson(means, (n_cells, 50)).astype(np.float32))


@pytest.fixture(scope="module")
def guards() -> tuple[Fingerprints, DistanceFloor]:
    real = cells_redraw(0)
    floor = DistanceFloor.fit(log1p_cp10k(real), np.arange(50), np.zeros(120, dtype=np.int64), random_state=0)
    return Fingerprints.of(real), floor


def test_only_copies_near_copies_and_empty_cells_are_replaced(guards):
    fresh, real = cells_redraw(1), cells_redraw(0)
    near = real[3].copy()
    near.data[0] += 1
    values = sparse.csr_matrix(sparse.vstack([fresh[:4], real[5], near, fresh[4:5] * 0]))
    values.eliminate_zeros()
    asked = []

    def draw(rows):
        asked.append(rows.tolist())
        return cells_redraw(2, 9)[: len(rows)]

    made, refused = redraw(values, draw, guards, log1p_cp10k)
    assert asked == [[4, 5, 6]]
    assert refused == {"refused_copies": 1, "refused_near": 1}
    assert (made[:4] != fresh[:4]).nnz == 0
    assert (made[4:] != cells_redraw(2, 9)[:3]).nnz == 0


def test_cells_that_are_right_are_left_alone(guards):
    fine = cells_redraw(1)[~guards[1].broken_by(log1p_cp10k(cells_redraw(1)))]
    assert fine.shape[0] > 100
    made, refused = redraw(fine, lambda _: pytest.fail("nothing to draw"), guards, log1p_cp10k)
    assert (made != fine).nnz == 0
    assert refused == {"refused_copies": 0, "refused_near": 0}


def test_a_generator_that_only_copies_is_given_up_with_a_warning(guards):
    with pytest.warns(UserWarning, match="2 of 2 cells equal a training cell"):
        made, refused = redraw(cells_redraw(0)[:2], lambda rows: cells_redraw(0)[: len(rows)], guards, log1p_cp10k)
    assert made.shape == (2, 50)
    assert refused["refused_copies"] == 2 * N_REDRAWS


def test_few_and_many_cells_find_the_same_neighbours(monkeypatch):
    rng = np.random.default_rng(0)
    known, points = (rng.normal(size=(n, 20)).astype(np.float32) for n in (300, 80))
    points[:3] = known[[7, 9, 11]]
    few = _nearest(points, known)
    monkeypatch.setattr("scgarage.models.garage.redraw.AT_ONCE", 0)
    many = _nearest(points, known)
    np.testing.assert_array_equal(few[1], many[1])
    assert few[1][:3].tolist() == [7, 9, 11]
    np.testing.assert_allclose(few[0], many[0], rtol=1e-6, atol=1e-3)
