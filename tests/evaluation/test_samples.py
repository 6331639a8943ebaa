import numpy as np
from scipy import sparse

from scgarage.judge.evaluation.cells import Cells
from scgarage.judge.evaluation.comparison import sample_of
from scgarage.pp import Components


def test_forms_are_of_the_same_cells() -> None:
    values = np.random.default_rng(0).gamma(1.0, size=(20, 6)).astype(np.float32)
    cells = Cells(sparse.csr_matrix(values), np.repeat(["B", "T"], 10), np.arange(20.0))
    space = Components.fit(cells.log_expr, 3, random_state=0)
    sample = sample_of(cells, space)
    assert (sample.log_expr == values).all()
    assert np.allclose(sample.points, space.transform(values), atol=1e-5)
    assert sample.labels is cells.labels
    assert sample.totals is cells.totals
    assert sample_of(Cells(cells.log_expr, cells.labels), space).totals is None
