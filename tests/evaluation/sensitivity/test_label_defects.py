import numpy as np
import pytest
from anndata import AnnData

from scgarage.judge.evaluation import sensitivity as defects

KEY = "cell_type"


@pytest.fixture(scope="module")
def cells(simulate) -> AnnData:
    cells = simulate(500, seed=5)
    cells.obs["batch"] = np.repeat(["one", "two"], [200, 300])
    return cells


def counts(cells: AnnData):
    return cells.obs[KEY].astype(str).value_counts()


def test_the_rare_type_is_lost_and_nothing_else(cells: AnnData) -> None:
    made = defects.lost_rare_type(cells, KEY)
    assert counts(made).to_dict() == counts(cells).drop("pDC").to_dict()
    common = cells[cells.obs[KEY].isin(["B", "T"])].copy()
    assert set(counts(defects.lost_rare_type(common, KEY)).index) == {"B"}


def test_only_the_commonest_type_shrinks(cells: AnnData) -> None:
    made = defects.skewed_proportions(cells, KEY, random_state=1)
    expected = counts(cells).to_dict()
    expected["B"] -= round(0.7 * expected["B"])
    assert counts(made).to_dict() == expected
    assert made.obs_names.is_unique


def test_labels_are_permuted_and_cells_stay(cells: AnnData) -> None:
    made = defects.mislabelled(cells, KEY, random_state=1)
    assert counts(made).to_dict() == counts(cells).to_dict()
    changed = (made.obs[KEY].astype(str) != cells.obs[KEY].astype(str)).mean()
    assert 0.15 < changed < 0.3
    assert (made.X != cells.X).nnz == 0


def test_half_of_the_rare_cells_swap_labels_with_common_ones(cells: AnnData) -> None:
    made = defects.mislabelled_rare_types(cells, KEY, random_state=1)
    assert counts(made).to_dict() == counts(cells).to_dict()
    before, after = (adata.obs[KEY].astype(str).to_numpy() for adata in (cells, made))
    changed = before != after
    assert changed.sum() == 2 * (counts(cells)["pDC"] // 2)
    assert ((before[changed] == "pDC") != (after[changed] == "pDC")).all()
    common = cells[cells.obs[KEY].isin(["B", "T"])].copy()
    assert (defects.mislabelled_rare_types(common, KEY).obs[KEY] != common.obs[KEY]).any()


def test_the_largest_batch_stays(cells: AnnData) -> None:
    made = defects.one_batch(cells, KEY, batch_key="batch")
    assert made.obs["batch"].unique().tolist() == ["two"]
    with pytest.raises(KeyError, match="donor"):
        defects.one_batch(cells, KEY, batch_key="donor")
