"""Separate groups of cells within types."""

import numpy as np
import pytest
from scipy import sparse

import scgarage as sg
from scgarage.errors import InputError
from scgarage.models import FitOptions, Garage, load
from scgarage.models.garage.factor_model import Groups

QUIET = FitOptions(progress=False, accelerator="cpu")
FAST = {"n_factors": 4, "n_sweeps": 5, "n_kept": 2, "n_iterations": 6, "validate_every": 2, "hidden": (16,)}


@pytest.fixture(scope="module")
def cells():
    """Three groups of 150 cells, two of which go by one name, and 40 cells of a rare type."""
    adata = sg.datasets.simulate(n_cells=490, n_genes=150, n_types=4, rare_fraction=40 / 490, random_state=2)
    truth = adata.obs["cell_type"].astype(str)
    first, second, *_ = [name for name in truth.value_counts().index if name != "rare"]
    adata.obs["truth"] = truth
    adata.obs["coarse"] = truth.replace({first: "both", second: "both"}).astype("category")
    return adata


def found(cells, smallest=50):
    log_expr = sparse.csr_matrix(sg.pp.log1p_cp10k(cells.X))
    names, types = np.unique(cells.obs["coarse"].astype(str), return_inverse=True)
    groups = Groups.find(log_expr, types, len(names), smallest=smallest, resolution=2.0, random_state=0)
    return groups, log_expr, names, types


def test_two_types_under_one_name_are_two_groups(cells):
    groups, _, names, types = found(cells)
    both = types == list(names).index("both")
    assert len(groups.parent) == len(names) + 1
    assert (groups.parent[groups.codes] == types).all()
    tables = [np.unique(cells.obs["truth"][both & (groups.codes == code)]) for code in np.unique(groups.codes[both])]
    assert [len(table) for table in tables] == [1, 1]


def test_groups_are_as_large_as_asked_or_types_stay_whole(cells):
    for smallest in (20, 50, 100):
        groups, *_ = found(cells, smallest)
        sizes = np.bincount(groups.codes)
        divided = np.bincount(groups.parent)[groups.parent] > 1
        assert (sizes[divided] >= smallest).all()
    groups, _, names, types = found(cells, 10_000)
    np.testing.assert_array_equal(groups.codes, types)
    np.testing.assert_array_equal(groups.parent, np.arange(len(names)))


def test_cells_are_assigned_to_the_group_they_lie_in_and_never_to_another_type(cells):
    groups, log_expr, _, types = found(cells)
    assigned = groups.assign(log_expr, types)
    assert (assigned == groups.codes).mean() > 0.98
    assert (groups.parent[groups.assign(log_expr, np.zeros(len(types), dtype=np.int64))] == 0).all()


def test_model_names_the_types_that_were_given(cells, tmp_path):
    model = Garage(smallest_group=50, **FAST).fit(cells, labels_key="coarse", options=QUIET)
    names = sorted(cells.obs["coarse"].astype(str).unique())
    assert model.parts["strata"].n_types == len(names) + 1
    made = model.sample({"both": 61, "rare": 7}, random_state=1)
    assert made.obs["coarse"].tolist() == ["both"] * 61 + ["rare"] * 7
    every = model.sample(490)
    share = cells.obs["coarse"].value_counts()
    assert (every.obs["coarse"].value_counts() - share).abs().max() <= 5
    back = load(model.save(tmp_path / "model"))
    assert (back.sample({"both": 61, "rare": 7}, random_state=1).X != made.X).nnz == 0


def test_without_the_setting_and_with_batches_types_stay_whole(cells):
    batched = cells.copy()
    batched.obs["batch"] = np.where(np.arange(cells.n_obs) % 2, "a", "b")
    names = cells.obs["coarse"].nunique()
    assert Garage(**FAST).fit(cells, labels_key="coarse", options=QUIET).parts["strata"].n_types == names
    model = Garage(smallest_group=50, **FAST).fit(batched, labels_key="coarse", batch_key="batch", options=QUIET)
    assert model.parts["strata"].n_types == names


@pytest.mark.parametrize("smallest", [0, 9, -3])
def test_groups_of_too_few_cells_are_refused(smallest):
    with pytest.raises(InputError, match="smallest_group must be None or at least 10"):
        Garage(smallest_group=smallest)
