"""What every imputer must do; adding one means adding a line to FAST."""

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

import scgarage as sg
from scgarage.errors import InputError
from scgarage.imputation import IMPUTERS, impute
from scgarage.imputation.base import IMPUTED, IMPUTED_SD
from scgarage.imputation.began import Began
from scgarage.imputation.smoothing import NoImputation

FAST = {
    "none": {},
    "knn": {"n_neighbors": 5},
    "magic": {"n_neighbors": 5},
    "alra": {"n_singular_values": 20},
    "garage": {"n_factors": 3, "n_sweeps": 3},
    "scvi": {"n_iterations": 20, "validate_every": 10, "n_hidden": 16, "n_latent": 4},
    "began": {"n_iterations": 4, "validate_every": 2, "hidden": (8,), "n_repeats": 2, "batch_size": 16},
}
KEYS = {"labels_key": "cell_type", "batch_key": "technology"}


@pytest.fixture(scope="module")
def cells():
    adata = sg.datasets.simulate(n_cells=90, n_genes=70, n_types=3, rare_fraction=0.1, random_state=1)
    adata.obs["technology"] = pd.Categorical(np.random.default_rng(0).choice(["a", "b"], 90))
    return adata


@pytest.fixture(scope="module", params=list(IMPUTERS))
def fitted(request, cells):
    if request.param == "scvi":
        with warnings.catch_warnings():  # the package's imports warn
            warnings.simplefilter("ignore")
            pytest.importorskip("scvi", reason="scvi-tools is not installed", exc_type=ImportError)
    return IMPUTERS[request.param](**FAST[request.param], n_top_genes=50).fit(cells, **KEYS)


def fresh(imputer, **settings):
    return type(imputer)(imputer.config, **settings)


def test_every_imputer_has_fast_settings():
    assert set(FAST) == set(IMPUTERS)
    assert all(kind.name == name for name, kind in IMPUTERS.items())


def test_layers_have_the_shape_and_kind_that_is_promised(fitted, cells):
    made = fitted.transform(cells)
    imputed = made.layers[IMPUTED]
    assert imputed.shape == cells.shape
    assert sparse.issparse(imputed)
    assert imputed.dtype == np.float32
    assert imputed.data.min() >= 0
    assert np.isfinite(imputed.data).all()
    assert (made.X != cells.X).nnz == 0
    assert list(made.obs_names) == list(cells.obs_names)
    assert made.var["scgarage_imputed"].sum() == 50
    if IMPUTED_SD in made.layers:
        assert made.layers[IMPUTED_SD].shape == cells.shape
        assert made.layers[IMPUTED_SD].data.min() >= 0


def test_observed_values_and_genes_that_are_not_imputed_stay(fitted, cells):
    made = fitted.transform(cells)
    observed, imputed = sg.pp.log1p_cp10k(cells.X).toarray(), made.layers[IMPUTED].toarray()
    np.testing.assert_allclose(imputed[observed > 0], observed[observed > 0], rtol=1e-6)
    others = ~made.var["scgarage_imputed"].to_numpy()
    np.testing.assert_allclose(imputed[:, others], observed[:, others], rtol=1e-6)
    if IMPUTED_SD in made.layers:
        assert made.layers[IMPUTED_SD].toarray()[observed > 0].max() == 0


def test_zeros_are_filled_only_where_they_are_unlikely(fitted, cells):
    observed = sg.pp.log1p_cp10k(cells.X).toarray()
    smallest = np.where(observed > 0, observed, np.inf).min(axis=1)
    counts = np.random.default_rng(0).poisson(np.log(10), size=200_000)  # zero in a tenth of the draws
    least = np.array([np.log1p(np.expm1(one) * counts).mean() for one in smallest])[:, None]
    every = fresh(fitted, zero_chance=1.0).fit(cells, **KEYS).transform(cells).layers[IMPUTED].toarray()
    expected = np.where((observed > 0) | (every >= least), every, 0)
    made = fitted.transform(cells)
    sure = (np.abs(every - least) > 0.02) | (observed > 0)  # the draws leave some doubt
    np.testing.assert_allclose(made.layers[IMPUTED].toarray()[sure], expected[sure], atol=1e-5)
    expected = made.layers[IMPUTED].toarray()
    genes = made.var["scgarage_imputed"].to_numpy()
    share = np.mean(expected[:, genes][observed[:, genes] == 0] > 0)
    assert made.uns["scgarage"]["imputation"]["filled"] == pytest.approx(share)
    if IMPUTED_SD in made.layers:
        assert (made.layers[IMPUTED_SD].toarray()[expected == 0] == 0).all()


def test_observed_values_change_when_asked_to(fitted, cells):
    made = fresh(fitted, keep_observed=False).fit(cells, **KEYS).transform(cells)
    observed, imputed = sg.pp.log1p_cp10k(cells.X).toarray(), made.layers[IMPUTED].toarray()
    assert np.allclose(imputed, observed, atol=1e-6) == isinstance(fitted, NoImputation)


def test_seed_reproduces_bytes_and_leaves_the_global_state_alone(fitted, cells):
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    again = fresh(fitted).fit(cells, **KEYS).transform(cells)
    first = fitted.transform(cells)
    assert first.layers[IMPUTED].toarray().tobytes() == again.layers[IMPUTED].toarray().tobytes()
    if IMPUTED_SD in first.layers:
        assert first.layers[IMPUTED_SD].toarray().tobytes() == again.layers[IMPUTED_SD].toarray().tobytes()
    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


def test_input_is_not_changed(fitted, cells):
    before = cells.copy()
    fresh(fitted).fit(cells, **KEYS).transform(cells)
    assert (before.X != cells.X).nnz == 0
    pd.testing.assert_frame_equal(before.obs, cells.obs)
    pd.testing.assert_frame_equal(before.var, cells.var)
    assert list(before.layers) == list(cells.layers)
    assert "imputation" not in cells.uns["scgarage"]


def test_cells_of_the_fit_do_not_depend_on_their_company(fitted, cells):
    some = np.array([40, 3, 17])
    together = fitted.transform(cells).layers[IMPUTED].toarray()[some]
    alone = fitted.transform(cells[some].copy()).layers[IMPUTED].toarray()
    np.testing.assert_allclose(alone, together, atol=2e-4)


def test_order_of_genes_does_not_matter(fitted, cells):
    shuffled = cells[:, np.random.default_rng(0).permutation(cells.n_vars)].copy()
    made = fitted.transform(shuffled)
    assert list(made.var_names) == list(cells.var_names)
    expected = fitted.transform(cells).layers[IMPUTED]
    np.testing.assert_allclose(made.layers[IMPUTED].toarray(), expected.toarray(), atol=1e-5)


def test_provenance_survives_the_file(fitted, cells, tmp_path):
    made = fitted.transform(cells)
    made.write_h5ad(tmp_path / "made.h5ad")
    about = ad.read_h5ad(tmp_path / "made.h5ad").uns["scgarage"]["imputation"]
    assert about["method"] == fitted.name
    assert about["scale"] == "log1p CP10k"
    assert about["version"] == sg.__version__
    assert about["parameters"]["n_top_genes"] == 50
    assert set(made.uns["scgarage"]) > {"imputation"}  # what was there stays


def test_log_normalised_values_and_layers(fitted, cells):
    # Counts can be recovered from cells in which some gene has a single one.
    cells = cells[[1 in row.data for row in cells.X]].copy()
    logged = cells.copy()
    logged.layers["log"] = sg.pp.log1p_cp10k(cells.X)
    made = fresh(fitted).fit(logged, layer="log", **KEYS).transform(logged)
    expected = fresh(fitted).fit(cells, **KEYS).transform(cells).layers[IMPUTED].toarray()
    np.testing.assert_allclose(made.layers[IMPUTED].toarray(), expected, atol=1e-4)


def test_wrong_input_is_refused(fitted, cells):
    with pytest.raises(InputError, match="not fitted"):
        fresh(fitted).transform(cells)
    with pytest.raises(InputError, match="no setting 'colour'"):
        type(fitted)(colour="red")
    with pytest.raises(InputError, match="zero_chance must lie above 0 and at most at 1; found 0"):
        type(fitted)(zero_chance=0)
    with pytest.raises(InputError, match="has no 'nonsense'"):
        fresh(fitted).fit(cells, labels_key="nonsense")
    with pytest.raises(InputError, match="other cells and genes"):
        fresh(fitted).fit(cells[:2].copy())
    with pytest.raises(InputError, match="genes are missing"):
        fitted.transform(cells[:, :60].copy())
    with pytest.raises(InputError, match="genes_key='nonsense' must be a column"):
        fresh(fitted).fit(cells, genes_key="nonsense")
    logged = cells.copy()
    logged.X = sg.pp.log1p_cp10k(cells.X)
    with pytest.raises(InputError, match="the fit saw counts"):
        fitted.transform(logged)
    broken = cells.copy()
    broken.X = broken.X.toarray()
    broken.X[3, 4] = np.nan
    with pytest.raises(InputError, match="NaN"):
        fresh(fitted).fit(broken)


def test_genes_can_be_chosen(cells):
    marked = cells.copy()
    marked.var["mine"] = np.arange(cells.n_vars) % 2 == 0
    made = NoImputation().fit(marked, genes_key="mine").transform(marked)
    np.testing.assert_array_equal(made.var["scgarage_imputed"], marked.var["mine"])


def test_function_does_what_the_class_does(cells):
    made = impute(cells, method="knn", n_top_genes=50, **FAST["knn"])
    expected = IMPUTERS["knn"](n_top_genes=50, **FAST["knn"]).fit(cells).transform(cells)
    assert (made.layers[IMPUTED] != expected.layers[IMPUTED]).nnz == 0
    with pytest.raises(InputError, match="no imputer 'nonsense'"):
        impute(cells, method="nonsense")


def test_unseen_type_and_technology_are_refused(cells):
    model = Began(**FAST["began"]).fit(cells, **KEYS)
    other = cells.copy()
    other.obs["technology"] = "c"
    with pytest.raises(InputError, match="saw no batch 'c'"):
        model.transform(other)
    other = cells.copy()
    other.obs["cell_type"] = "new"
    with pytest.raises(InputError, match="saw no cell type 'new'"):
        model.transform(other)
