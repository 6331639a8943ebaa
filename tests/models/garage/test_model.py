"""What only the default model does; what every model does is in ../test_contract.py."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

import scgarage as sg
from scgarage.errors import InputError
from scgarage.models import FitOptions, Garage

QUIET = FitOptions(progress=False, accelerator="cpu")
FAST = {
    "n_top_genes": 60,
    "n_factors": 4,
    "n_sweeps": 6,
    "n_kept": 2,
    "n_iterations": 6,
    "validate_every": 2,
    "hidden": (16,),
}


def fit(cells, *, labels_key="cell_type", batch_key=None, **settings):
    model = Garage(**FAST | {"refine": False} | settings)
    return model.fit(cells, labels_key=labels_key, batch_key=batch_key, options=QUIET)


def table(counts, **obs):
    counts = sparse.csr_matrix(np.asarray(counts, dtype=np.float32))
    names = pd.Index([f"cell_{number}" for number in range(counts.shape[0])])
    genes = pd.DataFrame(index=[f"gene_{number}" for number in range(counts.shape[1])])
    return ad.AnnData(counts, obs=pd.DataFrame(obs, index=names), var=genes)


def dense(cells):
    return np.asarray(cells.X.todense())


def shares(cells):
    """Mean profile, adding up to one."""
    total = dense(cells).sum(axis=0)
    return total / total.sum()


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=500, n_genes=90, n_types=3, rare_fraction=0.05, random_state=1)


@pytest.fixture(scope="module")
def fitted(cells):
    return fit(cells)


@pytest.fixture(scope="module")
def batched():
    """Two batches; the rare type is in the first only."""
    adata = sg.datasets.simulate(600, 90, 3, 0.05, n_batches=2, random_state=2)
    first = adata.obs["batch"].cat.categories[0]
    return adata[(adata.obs["cell_type"] != "rare") | (adata.obs["batch"] == first)].copy()


@pytest.fixture(scope="module")
def in_batches(batched):
    return fit(batched, batch_key="batch")


# ---------------------------------------------------------------------- what the cells look like
def test_means_zeros_and_variances_of_every_type_come_back(cells, fitted):
    for name in ("type_1", "type_2"):
        real = dense(cells[cells.obs["cell_type"] == name])
        made = dense(fitted.sample({name: 2000}))
        error = np.sqrt(real.var(axis=0) / len(real) + made.var(axis=0) / len(made))
        away = np.abs(made.mean(axis=0) - real.mean(axis=0)) / np.maximum(error, 0.02)
        assert np.quantile(away, 0.95) < 3
        np.testing.assert_allclose((made == 0).mean(axis=0), (real == 0).mean(axis=0), atol=0.12)
        ratio = np.log(made.var(axis=0) + 0.1) - np.log(real.var(axis=0) + 0.1)
        assert abs(np.median(ratio)) < 0.1


def test_library_sizes_come_back(cells, fitted):
    real, made = (np.log(dense(x).sum(axis=1)) for x in (cells, fitted.sample(2000)))
    assert made.mean() == pytest.approx(real.mean(), abs=0.06)
    assert made.std() == pytest.approx(real.std(), rel=0.2)


def test_types_are_told_apart_by_their_markers(cells, fitted):
    made = fitted.sample({"rare": 100, "type_1": 100})
    markers = np.flatnonzero(cells.var["marker_of"] == "rare")
    total = dense(made)[:, markers].sum(axis=1)
    assert stats.mannwhitneyu(total[:100], total[100:]).statistic / 100**2 > 0.95


def test_genes_that_go_together_do_so_in_new_cells():
    """A programme within one type, one gene of which is outside the selection."""
    rng = np.random.default_rng(0)
    programme = np.exp(0.7 * rng.normal(size=(500, 1)))
    rate = np.concatenate([np.repeat(programme, 8, axis=1), np.ones((500, 32))], axis=1) * rng.uniform(3, 6, 40)
    real = table(rng.poisson(rate), cell_type=np.repeat(["a", "b"], 250))
    model = fit(real, n_top_genes=None)
    made = dense(model.sample(1500))
    for pair in [(0, 1), (2, 7), (20, 30), (0, 25)]:
        expected = stats.spearmanr(dense(real)[:, pair[0]], dense(real)[:, pair[1]]).statistic
        assert stats.spearmanr(made[:, pair[0]], made[:, pair[1]]).statistic == pytest.approx(expected, abs=0.15)


def test_genes_outside_the_selection_are_made_too(cells):
    model = fit(cells, n_factor_genes=60)
    made = model.sample(1000)
    assert made.var["scgarage_modelled"].all()
    rest = np.setdiff1d(np.arange(cells.n_vars), model._selected)
    assert len(rest) == 30
    np.testing.assert_allclose(shares(made)[rest], shares(cells)[rest], rtol=0.3, atol=1e-4)


# ---------------------------------------------------------------------- requests
def test_a_plain_number_has_the_types_of_the_training_cells_exactly(fitted):
    counts = pd.Series(fitted.about["type_counts"])
    made = fitted.sample(int(counts.sum())).obs["cell_type"].value_counts()
    assert made.to_dict() == counts.to_dict()
    few = fitted.sample(37).obs["cell_type"].value_counts()
    assert (few - 37 * counts / counts.sum()).abs().max() < 1


def test_proportions(fitted):
    assert set(fitted.sample(30, proportions="balanced").obs["cell_type"].value_counts()) == {10}
    wanted = {"rare": 0.6, "type_2": 0.4}
    found = fitted.sample(50, proportions=wanted).obs["cell_type"].value_counts()
    assert found[["rare", "type_2", "type_1"]].tolist() == [30, 20, 0]


def test_cells_made_in_a_batch_resemble_that_batch(batched, in_batches):
    for batch in in_batches.batches:
        made = shares(in_batches.sample({"type_1": 1500}, batch=batch))
        distance = {
            other: np.abs(
                made - shares(batched[(batched.obs["cell_type"] == "type_1") & (batched.obs["batch"] == other)])
            ).sum()
            for other in in_batches.batches
        }
        assert distance[batch] < 0.4 * max(distance.values())
        assert min(distance, key=distance.get) == batch


def test_a_number_in_one_batch_has_types_in_training_proportions(in_batches):
    made = in_batches.sample(100, batch=in_batches.batches[0])
    assert (made.obs["batch"] == in_batches.batches[0]).all()
    counts = pd.Series(in_batches.about["type_counts"])
    assert (made.obs["cell_type"].value_counts() - 100 * counts / counts.sum()).abs().max() < 1


def test_data_frames_give_types_in_batches(in_batches):
    first, second = in_batches.batches
    wanted = pd.DataFrame({first: [3, 0], second: [2, 4]}, index=["type_1", "type_2"])
    found = in_batches.sample(wanted).obs.value_counts(["cell_type", "batch"])
    assert {key: n for key, n in found.items() if n} == {
        ("type_1", first): 3,
        ("type_1", second): 2,
        ("type_2", second): 4,
    }


def test_batches_of_a_plain_number_are_those_seen_together(in_batches):
    made = in_batches.sample(400).obs
    assert set(made["batch"]) == set(in_batches.batches)
    assert set(made.loc[made["cell_type"] == "rare", "batch"]) == {in_batches.batches[0]}


def test_a_type_in_a_batch_where_it_was_never_seen(batched, in_batches):
    second = in_batches.batches[1]
    with pytest.warns(UserWarning, match=f"no training cell shows rare in {second}"):
        made = in_batches.sample({"rare": 200}, batch=second)
    assert np.isfinite(made.X.data).all()
    totals = np.log(dense(made).sum(axis=1))
    real = np.log(dense(batched).sum(axis=1))
    assert abs(totals.mean() - real.mean()) < 0.4
    markers = np.flatnonzero(batched.var["marker_of"] == "rare")
    others = in_batches.sample({"type_1": 200}, batch=second)
    assert shares(made)[markers].sum() > 2 * shares(others)[markers].sum()


# ---------------------------------------------------------------------- without labels
def test_without_labels_a_rare_type_is_still_made(cells):
    model = fit(cells, labels_key=None)
    made = model.sample(600)
    assert list(made.obs.columns) == ["source"]
    assert model.types == ()
    profile = np.log1p(
        1e4
        * np.stack([shares(cells[cells.obs["cell_type"] == name]) for name in cells.obs["cell_type"].cat.categories])
    )
    values = np.asarray(sg.pp.log1p_cp10k(made.X).todense())
    nearest = np.corrcoef(values, profile)[:600, 600:].argmax(axis=1)
    rare = np.mean(nearest == list(cells.obs["cell_type"].cat.categories).index("rare"))
    assert 0.02 < rare < 0.1  # 5 % of the training cells
    again = np.corrcoef(np.asarray(sg.pp.log1p_cp10k(cells.X).todense()), profile)[:500, 500:].argmax(axis=1)
    assert np.abs(np.bincount(nearest, minlength=3) / 600 - np.bincount(again, minlength=3) / 500).max() < 0.06


def test_without_labels_types_cannot_be_asked_for(cells):
    model = fit(cells[:150], labels_key=None)
    with pytest.raises(InputError, match="knows no type 'rare'"):
        model.sample({"rare": 3})
    with pytest.raises(InputError, match="without cell types"):
        model.sample(3, proportions="balanced")
