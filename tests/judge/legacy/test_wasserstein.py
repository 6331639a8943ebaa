import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

import scgarage as sg
from scgarage.errors import InputError
from scgarage.io.cells import log1p_cp10k
from scgarage.judge.legacy import legacy_wasserstein
from scgarage.judge.legacy.wasserstein import CONTROL, PUBLISHED, SAME_SIZES

ALL = np.log(10001)
"""log1p CP10k of a gene that has all counts of a cell."""


def cells_of(genes: list[int]) -> ad.AnnData:
    """Return cells that express one gene each."""
    counts = np.zeros((len(genes), 2), dtype=np.float32)
    counts[np.arange(len(genes)), genes] = 7
    return ad.AnnData(sparse.csr_matrix(counts), var=pd.DataFrame(index=["first", "second"]))


@pytest.fixture(scope="module")
def cells() -> ad.AnnData:
    return sg.datasets.simulate(60, 40, 3, 0.1, random_state=0)


def by_comparison(*args, **kwargs) -> pd.DataFrame:
    return legacy_wasserstein(*args, **kwargs).set_index("comparison")


def test_distance_of_cells_that_can_be_drawn_on_paper():
    real = cells_of([0, 0, 1, 1])
    table = by_comparison(cells_of([0, 0, 0, 0]), real)
    # Half of the cells go from one axis to the other; with as many cells the published number is that, divided.
    assert table.loc[PUBLISHED, "wasserstein"] == pytest.approx(ALL / np.sqrt(2), rel=1e-6)
    assert table.loc[PUBLISHED, "wasserstein_by_rows"] == pytest.approx(ALL / np.sqrt(2) / 4, rel=1e-6)
    # With two synthetic cells in place of four, cells of the same kind are ALL / 4 apart as well.
    fewer = by_comparison(cells_of([0, 0]), real)
    expected = (ALL / 4 + np.hypot(ALL / 2, ALL / 4)) / 2
    assert fewer.loc[PUBLISHED, "wasserstein"] == pytest.approx(ALL / np.sqrt(2), rel=1e-6)
    assert fewer.loc[PUBLISHED, "wasserstein_by_rows"] == pytest.approx(expected, rel=1e-6)


def test_agrees_with_an_assignment(cells):
    # Twice as many real cells: each synthetic cell stands for two.
    real, made = cells[:40], cells[40:]
    x, y = (log1p_cp10k(part.X.toarray()).astype(np.float64) for part in (real, made))
    table = by_comparison(made.copy(), real.copy())
    for column, scales in {"wasserstein": (1, 1), "wasserstein_by_rows": (40, 20)}.items():
        costs = cdist(x / scales[0], np.repeat(y, 2, axis=0) / scales[1])
        assert table.loc[PUBLISHED, column] == pytest.approx(costs[linear_sum_assignment(costs)].mean(), rel=1e-6)


def test_the_published_number_falls_with_the_cells_and_the_plain_one_does_not(cells):
    real, made = cells[:30].copy(), cells[30:].copy()
    once = by_comparison(made, real).loc[PUBLISHED]
    many = [ad.concat([part] * 3, index_unique="-") for part in (made, real)]
    thrice = by_comparison(*many).loc[PUBLISHED]
    assert thrice["wasserstein"] == pytest.approx(once["wasserstein"], rel=1e-6)
    assert thrice["wasserstein_by_rows"] == pytest.approx(once["wasserstein_by_rows"] / 3, rel=1e-6)


def test_order_of_cells_and_genes_does_not_matter(cells):
    real, made = cells[:30].copy(), cells[30:].copy()
    turned = by_comparison(made[::-1, ::-1].copy(), real[::-1].copy()).loc[PUBLISHED]
    pd.testing.assert_series_equal(by_comparison(made, real).loc[PUBLISHED], turned, rtol=1e-6)


def test_the_control_knows_no_synthetic_cell_and_copies_of_real_cells_beat_it(cells):
    first, second = by_comparison(cells, cells), by_comparison(cells_like(cells), cells)
    pd.testing.assert_series_equal(first.loc[CONTROL], second.loc[CONTROL])
    assert first.loc[CONTROL, "wasserstein"] > 1
    assert first.loc[PUBLISHED, "wasserstein"] == pytest.approx(0, abs=1e-4)
    assert first.loc[PUBLISHED, "n_real_compared"] == 60
    sizes = first[["n_real_compared", "n_synthetic_compared"]]
    assert sizes.loc[SAME_SIZES].tolist() == sizes.loc[CONTROL].tolist() == [30, 30]


def cells_like(cells: ad.AnnData) -> ad.AnnData:
    """Return cells with the genes shuffled within each."""
    counts = np.random.default_rng(0).permuted(cells.X.toarray(), axis=1)
    return ad.AnnData(sparse.csr_matrix(counts), obs=cells.obs, var=cells.var)


def test_a_cap_changes_the_cells_that_are_compared_and_not_the_divisors(cells):
    table = by_comparison(cells_like(cells)[:30].copy(), cells, max_cells=12, random_state=3)
    assert table["n_real"].tolist() == [60] * 3
    assert table["n_synthetic"].tolist() == [30] * 3
    assert table["n_real_compared"].tolist() == [12, 12, 12]
    assert table["n_synthetic_compared"].tolist() == [12, 6, 6]
    assert (table["protocol"] == "legacy").all()
    square = by_comparison(cells_like(cells), cells, max_cells=12)
    assert (square["wasserstein_by_rows"] * 60).tolist() == pytest.approx(square["wasserstein"].tolist())
    again = by_comparison(cells_like(cells)[:30].copy(), cells, max_cells=12, random_state=3)
    pd.testing.assert_frame_equal(table, again)


def test_unusable_arguments_are_refused(cells):
    with pytest.raises(InputError, match="genes of the synthetic cells do not match"):
        legacy_wasserstein(cells[:, :30].copy(), cells)
    with pytest.raises(InputError, match="max_cells is 0"):
        legacy_wasserstein(cells, cells, max_cells=0)
    with pytest.raises(InputError, match="there are 1 real cells"):
        legacy_wasserstein(cells, cells[:1].copy())
    mixed = cells.copy()
    mixed.obs["source"] = ["synthetic"] * 10 + ["real"] * 50
    with pytest.raises(InputError, match="as synthetic"):
        legacy_wasserstein(cells, mixed)
