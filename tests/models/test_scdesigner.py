"""The adapter round scdesigner, where it is installed."""

import sys
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

import scgarage as sg
from scgarage.errors import InputError, MissingExtraError
from scgarage.models import FitOptions, load, model_class
from scgarage.training import seeded

QUIET = FitOptions(progress=False)
SMALL = {"max_epochs": 60, "top_k": 20, "learning_rate": 0.05}
ScDesigner = model_class("scdesigner")


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=300, n_genes=60, n_types=3, rare_fraction=0.1, n_batches=2, random_state=3)


@pytest.fixture(scope="module")
def installed():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the package's imports are errors here
        return pytest.importorskip("scdesigner.simulators", reason="scdesigner is not installed")


@pytest.fixture(scope="module")
def fitted(cells, installed):
    return ScDesigner(**SMALL).fit(cells, labels_key="cell_type", validation=None, options=QUIET)


def same(first, second):
    return (first.X != second.X).nnz == 0 and list(first.obs["cell_type"]) == list(second.obs["cell_type"])


def means(cells):
    return np.asarray(sparse.csr_matrix(cells.X).mean(axis=0)).ravel()


def test_missing_package_is_named_with_the_command(cells, monkeypatch):
    monkeypatch.setitem(sys.modules, "scdesigner", None)
    monkeypatch.setitem(sys.modules, "scdesigner.simulators", None)
    with pytest.raises(MissingExtraError, match="pip install scdesigner"):
        ScDesigner(**SMALL).fit(cells, labels_key="cell_type", options=QUIET)


def test_log_values_are_refused(cells):
    logged = cells.copy()
    logged.X = sg.pp.log1p_cp10k(cells.X)
    with pytest.raises(InputError, match="scdesigner models counts"):
        ScDesigner(**SMALL).fit(logged, labels_key="cell_type", options=QUIET)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"family": "normal"}, "family must be"),
        ({"estimator": "glasso"}, "estimator must be"),
        ({"top_k": 1}, "top_k must be"),
        ({"val_frac": 1.0}, "val_frac is a share"),
    ],
)
def test_settings_out_of_range(settings, match):
    with pytest.raises(InputError, match=match):
        ScDesigner(**settings)


def test_numbers_types_and_all_genes(fitted, cells):
    made = fitted.sample({"rare": 40, "type_1": 1100}, random_state=1)
    assert list(made.obs["cell_type"]) == ["rare"] * 40 + ["type_1"] * 1100
    assert list(made.var_names) == list(cells.var_names)
    assert made.var["scgarage_modelled"].all()
    np.testing.assert_array_equal(made.X.data, np.rint(made.X.data))
    assert fitted.sample(7).n_obs == 7
    assert fitted.history["marginal/held_out"].min() < fitted.history["marginal/held_out"].iloc[0]


@pytest.mark.parametrize("wanted", [3000, {"rare": 3000}, {"type_1": 3000}])
def test_each_type_has_its_own_means_whatever_is_asked_for(fitted, cells, wanted):
    """Proportions other than those of the training cells must not change a type."""
    made = fitted.sample(wanted)
    for name in set(made.obs["cell_type"]):
        real, drawn = (means(x[x.obs["cell_type"] == name]) for x in (cells, made))
        assert np.corrcoef(np.log1p(real), np.log1p(drawn))[0, 1] > 0.97
        others = means(cells[cells.obs["cell_type"] != name])
        assert np.abs(real - drawn).sum() < 0.5 * np.abs(others - drawn).sum()


def test_the_parameters_are_those_that_scdesigner_fitted(installed, cells):
    """Its own prediction for the training cells, whose proportions it has seen, and its own correlations."""
    model = ScDesigner(**SMALL).fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    codes = np.searchsorted(model.types, cells.obs["cell_type"].astype(str))
    obs = pd.DataFrame({"type": pd.Categorical(codes.astype(str))}, index=cells.obs_names)
    simulator = installed.NegBinCopula("~ type", "~ type", "~ type", estimator="oas", top_k=20)
    state = np.random.get_state()  # noqa: NPY002
    with seeded(0):
        np.random.seed(0)  # noqa: NPY002
        simulator.fit(ad.AnnData(cells.X, obs=obs), max_epochs=60, lr=0.05, verbose=False, device="cpu")
        np.random.set_state(state)  # noqa: NPY002
    for name, ours in zip(("mean", "dispersion"), model.parts["parameters"].fitted, strict=True):
        np.testing.assert_allclose(ours[codes], simulator.predict()[name], rtol=1e-5)
    for number in range(3):
        reference = simulator.copula.parameters[f"type[{number}]"].cov.to_numpy()
        np.testing.assert_allclose(model.parts["correlations"].matrices[number], reference, atol=1e-12)


def test_correlated_genes_stay_correlated(installed):
    rng = np.random.default_rng(0)
    cells = sg.datasets.simulate(n_cells=400, n_genes=40, n_types=2, random_state=1)
    counts = np.asarray(cells.X.todense()) if sparse.issparse(cells.X) else cells.X.copy()
    rate = rng.gamma(2.0, 100.0, cells.n_obs)
    counts[:, 0], counts[:, 1] = rng.poisson(rate), rng.poisson(rate)
    cells.X = sparse.csr_matrix(counts.astype(np.float32))
    made = ScDesigner(**SMALL).fit(cells, labels_key="cell_type", options=QUIET).sample(2000).X.toarray()
    assert np.corrcoef(made[:, 0], made[:, 1])[0, 1] > 0.5
    assert abs(np.corrcoef(made[:, 0], made[:, 2])[0, 1]) < 0.2


def test_seeds_reproduce_bytes_and_leave_the_global_state_alone(fitted, cells, tmp_path):
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    again = ScDesigner(**SMALL).fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    back = load(again.save(tmp_path / "model"))
    assert {file.suffix for file in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}
    assert same(fitted.sample(50, random_state=3), again.sample(50, random_state=3))
    assert same(fitted.sample(50, random_state=3), back.sample(50, random_state=3))
    assert not same(fitted.sample(50, random_state=3), back.sample(50, random_state=4))
    assert torch.equal(states[0], torch.get_rng_state())
    np.testing.assert_array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.filterwarnings("ignore:.*have no expression in any cell")
def test_genes_without_counts_stay_so(cells, installed):
    counts = sparse.csr_matrix(cells.X).toarray()
    counts[:, [3, 30]] = 0
    empty = ad.AnnData(sparse.csr_matrix(counts), obs=cells.obs, var=cells.var)
    made = ScDesigner(**SMALL).fit(empty, labels_key="cell_type", options=QUIET).sample(1000)
    assert np.flatnonzero(means(made) == 0).tolist() == [3, 30]
    assert np.corrcoef(np.log1p(means(made)), np.log1p(means(empty)))[0, 1] > 0.97


def test_zero_inflation(cells, installed, tmp_path):
    model = ScDesigner(**SMALL, family="zinb").fit(cells, labels_key="cell_type", options=QUIET)
    made = load(model.save(tmp_path / "model")).sample(2000)
    assert model.parts["parameters"].fitted.shape == (3, 3, 60)
    assert abs((made.X > 0).mean() - (sparse.csr_matrix(cells.X) > 0).mean()) < 0.05


def test_batches_are_covariates(cells, installed):
    model = ScDesigner(**SMALL).fit(cells, labels_key="cell_type", batch_key="batch", options=QUIET)
    for batch in model.batches:
        made = model.sample({"type_1": 2000}, batch=batch)
        assert set(made.obs["batch"]) == {batch}
        own = cells[cells.obs["cell_type"] == "type_1"]
        distance = {name: np.abs(means(made) - means(own[own.obs["batch"] == name])).sum() for name in model.batches}
        assert min(distance, key=distance.get) == batch


def test_a_type_that_a_batch_never_showed_is_made_with_a_warning(cells, installed):
    first = cells.obs["batch"].cat.categories[0]
    kept = cells[(cells.obs["cell_type"] != "rare") | (cells.obs["batch"] == first)].copy()
    model = ScDesigner(**SMALL).fit(kept, labels_key="cell_type", batch_key="batch", options=QUIET)
    other = next(name for name in model.batches if name != first)
    with pytest.warns(UserWarning, match=f"no training cell shows rare in {other}"):
        assert model.sample({"rare": 5}, batch=other).n_obs == 5


def test_what_scdesigner_refuses_is_said(cells, installed):
    """Its defaults correlate all genes by the sample, which needs more cells than genes."""
    published = ScDesigner.Config.PRESETS["published"]
    with pytest.raises(InputError, match=r"scdesigner cannot fit.*type\[.\].* is not positive definite"):
        ScDesigner(**SMALL | published).fit(cells, labels_key="cell_type", options=QUIET)
    confounded = cells.copy()
    confounded.obs["batch"] = confounded.obs["cell_type"].astype(str).to_numpy()
    with pytest.raises(InputError, match="rank deficient"):
        ScDesigner(**SMALL).fit(confounded, labels_key="cell_type", batch_key="batch", options=QUIET)
