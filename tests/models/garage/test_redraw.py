import numpy as np
import pytest
from scipy import sparse

from scgarage.io.cells import log1p_cp10k
from scgarage.models.garage.redraw import N_REDRAWS, DistanceFloor, Fingerprints, redraw


def cells(seed: int, n_cells: int = 120) -> sparse.csr_matrix:
    means = np.random.default_rng(7).gamma(1.0, 5.0, 50)
    return sparse.csr_matrix(np.random.default_rng(seed).poisson(means, (n_cells, 50)).astype(np.float32))


@pytest.fixture(scope="module")
def guards() -> tuple[Fingerprints, DistanceFloor]:
    real = cells(0)
    floor = DistanceFloor.fit(log1p_cp10k(real), np.arange(50), np.zeros(120, dtype=np.int64), random_state=0)
    return Fingerprints.of(real), floor


def test_only_copies_near_copies_and_empty_cells_are_replaced(guards):
    fresh, real = cells(1), cells(0)
    near = real[3].copy()
    near.data[0] += 1
    values = sparse.csr_matrix(sparse.vstack([fresh[:4], real[5], near, fresh[4:5] * 0]))
    values.eliminate_zeros()
    asked = []

    def draw(rows):
        asked.append(rows.tolist())
        return cells(2, 9)[: len(rows)]

    made, refused = redraw(values, draw, guards, log1p_cp10k)
    assert asked == [[4, 5, 6]]
    assert refused == {"refused_copies": 1, "refused_near": 1}
    assert (made[:4] != fresh[:4]).nnz == 0
    assert (made[4:] != cells(2, 9)[:3]).nnz == 0


def test_cells_that_are_right_are_left_alone(guards):
    fine = cells(1)[~guards[1].broken_by(log1p_cp10k(cells(1)))]
    assert fine.shape[0] > 100
    made, refused = redraw(fine, lambda _: pytest.fail("nothing to draw"), guards, log1p_cp10k)
    assert (made != fine).nnz == 0
    assert refused == {"refused_copies": 0, "refused_near": 0}


def test_a_generator_that_only_copies_is_given_up_with_a_warning(guards):
    with pytest.warns(UserWarning, match="2 of 2 cells equal a training cell"):
        made, refused = redraw(cells(0)[:2], lambda rows: cells(0)[: len(rows)], guards, log1p_cp10k)
    assert made.shape == (2, 50)
    assert refused["refused_copies"] == 2 * N_REDRAWS
