"""Separate groups of cells within types."""

import numpy as np
import pytest
from scipy import sparse

import scgarage as sg
from scgarage.errors import InputError
from scgarage.models import FitOptions, Garage, load
from scgarage.models.garage.factor_model import Groups, divide, factor_genes
from scgarage.models.garage.strata import Strata


def varied():
    """Gene 0 varies within types, gene 1 between them only, the others a little."""
    rng = np.random.default_rng(0)
    values = rng.normal(2, 0.1, (200, 6))
    strata = np.repeat([0, 1], 100)
    values[:, 0] += rng.normal(0, 2, 200)
    values[:, 1] += 10 * strata
    values[:, 4] += rng.normal(0, 1, 200)
    return sparse.csr_matrix(values), strata


def test_variance_within_types_decides():
    values, strata = varied()
    np.testing.assert_array_equal(factor_genes(values, strata, 2), [0, 4])
    means = np.stack([values.toarray()[strata == code].var(axis=0) for code in (0, 1)]).mean(axis=0)
    np.testing.assert_array_equal(factor_genes(values, strata, 4), np.sort(np.argsort(-means)[:4]))


def test_none_or_more_than_there_are_takes_all():
    values, strata = varied()
    for number in (None, 6, 100):
        np.testing.assert_array_equal(factor_genes(values, strata, number), np.arange(6))


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
    whole = Garage(smallest_group=None, **FAST).fit(cells, labels_key="coarse", options=QUIET)
    assert whole.parts["strata"].n_types == names
    model = Garage(smallest_group=50, **FAST).fit(batched, labels_key="coarse", batch_key="batch", options=QUIET)
    assert model.parts["strata"].n_types == names


@pytest.mark.parametrize("smallest", [0, 9, -3])
def test_groups_of_too_few_cells_are_refused(smallest):
    with pytest.raises(InputError, match="smallest_group must be None or at least 10"):
        Garage(smallest_group=smallest)


TYPES, BATCHES = ("B", "NK", "T"), ("x", "y")


def strata_of(sizes, n_batches=1):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    return Strata.of(codes // n_batches, codes % n_batches, len(sizes) // n_batches, n_batches)


def divided(wanted, strata, seed=0):
    codes = divide(wanted, strata, TYPES, BATCHES if strata.n_batches > 1 else (), np.random.default_rng(seed))
    return codes, np.bincount(codes, minlength=len(strata.sizes))


def test_exact_multiples_give_exact_proportions_in_mixed_order():
    codes, counts = divided(200, strata_of([50, 30, 20]))
    assert counts.tolist() == [100, 60, 40]
    assert (np.diff(codes) != 0).mean() > 0.3


@pytest.mark.parametrize("number", [1, 2, 7, 99, 100, 101, 12_345])
@pytest.mark.parametrize("sizes", [[50, 30, 20], [1, 1, 1], [997, 2, 1], [3, 0, 4]])
def test_numbers_are_off_by_less_than_one_cell(number, sizes):
    _, counts = divided(number, strata_of(sizes))
    assert counts.sum() == number
    assert np.abs(counts - number * np.array(sizes) / sum(sizes)).max() < 1


def test_what_is_left_over_is_fair():
    """A type of 1 % comes in 1 % of single cells."""
    strata = strata_of([70, 25, 5])
    first = [int(divided(1, strata, seed)[0][0]) for seed in range(2000)]
    np.testing.assert_allclose(np.bincount(first, minlength=3) / 2000, [0.7, 0.25, 0.05], atol=0.03)


def test_as_many_cells_as_in_training_repeat_every_stratum():
    _, counts = divided(21, strata_of([3, 1, 4, 1, 5, 7], n_batches=2))
    assert counts.tolist() == [3, 1, 4, 1, 5, 7]


def test_types_are_divided_among_their_batches_and_come_in_order():
    codes, counts = divided({"T": 12, "B": 4}, strata_of([3, 1, 4, 1, 5, 7], n_batches=2))
    assert counts.tolist() == [3, 1, 0, 0, 5, 7]
    assert (codes[:12] >= 4).all()
    assert (codes[12:] < 4).all()


def test_combinations_never_seen_can_be_asked_for():
    codes, _ = divided({("B", "y"): 3, ("NK", "x"): 2}, strata_of([5, 0, 4, 1, 5, 7], n_batches=2))
    assert codes.tolist() == [1, 1, 1, 2, 2]
    assert divided({"B": 9}, strata_of([5, 0, 4, 1, 5, 7], n_batches=2))[1].tolist() == [9, 0, 0, 0, 0, 0]


def test_a_type_that_is_not_there_is_no_stratum():
    with pytest.raises(ValueError, match="not in tuple"):
        divided({"nonsense": 3}, strata_of([5, 4, 1]))
