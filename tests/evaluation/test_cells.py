import numpy as np
import pytest
from scipy import sparse

from scgarage.judge.evaluation.cells import Cells


@pytest.fixture
def cells() -> Cells:
    return Cells(sparse.csr_matrix(np.arange(1.0, 6.0)[:, None]), np.array(list("abcde")))


def test_rows_keep_their_labels(cells: Cells) -> None:
    taken = cells.take(np.array([3, 0]))
    assert taken.log_expr.toarray().ravel().tolist() == [4.0, 1.0]
    assert taken.labels.tolist() == ["d", "a"]


@pytest.mark.parametrize(("asked", "expected"), [(3, 3), (5, 5), (9, 5), (0, 0)])
def test_drawn_cells_are_different_ones(cells: Cells, asked: int, expected: int) -> None:
    drawn = cells.draw(asked, np.random.default_rng(0))
    assert len(drawn) == len(set(drawn.labels.tolist())) == expected
    assert (np.array(list("_abcde"))[drawn.log_expr.toarray().ravel().astype(int)] == drawn.labels).all()


def test_totals_go_with_their_cells_and_may_be_unknown(cells: Cells) -> None:
    assert cells.take(np.array([1])).totals is None
    known = Cells(cells.log_expr, cells.labels, np.arange(5.0))
    assert known.take(np.array([3, 0])).totals.tolist() == [3.0, 0.0]
