"""The default model on odd data and with settings other than the defaults."""

import warnings
from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import scgarage as sg
from scgarage.errors import InputError
from scgarage.io.cells import log1p_cp10k
from scgarage.models import FitOptions, Garage, load
from scgarage.models.garage.marginals import PoissonMixture

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


def fit(cells, *, labels_key="cell_type", batch_key=None, layer=None, **settings):
    model = Garage(**FAST | {"refine": False} | settings)
    return model.fit(cells, labels_key=labels_key, batch_key=batch_key, layer=layer, options=QUIET)


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


# ---------------------------------------------------------------------- odd data
def test_copies_are_refused_and_number_and_types_stay_exact():
    """Three genes: many cells are alike by chance."""
    rng = np.random.default_rng(0)
    types = np.repeat(["a", "b"], 150)
    mean = np.where(types[:, None] == "a", [14.0, 4, 2], [2.0, 4, 14])
    real = table(rng.poisson(mean) + 1, cell_type=types)
    model = fit(real, n_top_genes=None)
    made = model.sample(270)
    assert made.n_obs == 270
    assert made.uns["scgarage"]["refused_copies"] > 0
    seen = {tuple(row) for row in dense(real)}
    before = np.mean([tuple(row) in seen for row in rng.poisson(mean) + 1])
    assert np.mean([tuple(row) in seen for row in dense(made)]) < 0.3 * before
    looks = np.where(dense(made)[:, 0] > dense(made)[:, 2], "a", "b")
    assert np.mean(looks == made.obs["cell_type"].astype(str)) > 0.97


def test_cells_too_near_to_a_training_cell_are_drawn_anew(fitted):
    usual, before = fitted.parts["floor"], fitted.sample(300)
    assert not usual.broken_by(log1p_cp10k(before.X)).any()
    higher = replace(usual, reach=usual.reach * np.float32(1.3))
    n_near = higher.broken_by(log1p_cp10k(before.X)).sum()
    assert 5 < n_near < 150
    fitted.parts["floor"] = higher
    try:
        made = fitted.sample(300)
    finally:
        fitted.parts["floor"] = usual
    assert made.uns["scgarage"]["refused_near"] >= n_near
    assert not higher.broken_by(log1p_cp10k(made.X)).any()
    assert made.obs["cell_type"].value_counts().to_dict() == before.obs["cell_type"].value_counts().to_dict()


def test_no_cell_is_empty():
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.08, (400, 40))
    real = table(counts[counts.sum(axis=1) > 0], cell_type="a")
    real.obs["cell_type"] = np.arange(real.n_obs) % 2
    real.obs["cell_type"] = real.obs["cell_type"].map({0: "a", 1: "b"})
    model = fit(real, n_top_genes=None)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*equal training cells")  # three counts a cell say little
        made = model.sample(500)
    assert (dense(made).sum(axis=1) > 0).mean() > 0.99


def test_a_type_with_one_cell_is_left_out_and_it_is_said(cells):
    lonely = cells.copy()
    lonely.obs["cell_type"] = lonely.obs["cell_type"].astype(str)
    lonely.obs.iloc[0, lonely.obs.columns.get_loc("cell_type")] = "lonely"
    with pytest.warns(UserWarning, match="left out.*lonely"):
        model = fit(lonely)
    assert "lonely" not in model.types
    assert model.about["n_train"] <= lonely.n_obs - 1
    with pytest.raises(InputError, match="lonely"):
        model.sample({"lonely": 1})


def test_types_of_two_and_three_cells(cells):
    few = cells[
        np.r_[
            np.flatnonzero(cells.obs["cell_type"] != "rare")[:150], np.flatnonzero(cells.obs["cell_type"] == "rare")[:3]
        ]
    ].copy()
    few.obs["cell_type"] = few.obs["cell_type"].astype(str)
    few.obs.loc[few.obs_names[:2], "cell_type"] = "pair"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the data have tiny types
        model = fit(few)
    made = model.sample({"rare": 40, "pair": 40})
    assert made.obs["cell_type"].value_counts()[["rare", "pair"]].tolist() == [40, 40]
    assert np.isfinite(made.X.data).all()
    assert not made.obs_names.duplicated().any()
    markers = np.flatnonzero(cells.var["marker_of"] == "rare")
    assert shares(made[:40])[markers].sum() > 1.5 * shares(made[40:])[markers].sum()


def test_a_gene_never_seen_is_never_made_and_keeps_its_place(cells):
    silent = cells.copy()
    values = silent.X.tolil()
    values[:, 7] = 0
    silent.X = values.tocsr()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a silent gene
        made = fit(silent).sample(200)
    assert list(made.var_names) == list(silent.var_names)
    assert dense(made)[:, 7].sum() == 0


def test_log_normalised_cells(cells, tmp_path):
    logged = cells.copy()
    logged.layers["log"] = sg.pp.log1p_cp10k(cells.X)
    model = fit(logged, layer="log")
    made = model.sample({"type_1": 1000})
    real = np.asarray(logged.layers["log"][(logged.obs["cell_type"] == "type_1").to_numpy()].todense())
    np.testing.assert_allclose(dense(made).mean(axis=0), real.mean(axis=0), atol=0.25)
    np.testing.assert_allclose((dense(made) == 0).mean(axis=0), (real == 0).mean(axis=0), atol=0.12)
    back = load(model.save(tmp_path / "model"))
    assert type(back.parts["marginal"]).__name__ == "Hurdle"
    assert (back.sample(30).X != model.sample(30).X).nnz == 0


# ---------------------------------------------------------------------- settings
@pytest.mark.parametrize("seeds", ["stratified", "none"])
def test_fewer_seeds(cells, seeds):
    model = fit(cells, seeds=seeds, jitter=0.5)
    names = model.about["seed_cells"]
    assert set(names) <= set(cells.obs_names)
    if seeds == "none":
        assert not len(names)
    else:
        types = cells.obs.loc[list(names), "cell_type"].value_counts()
        assert (types >= 3).all()
        assert types.sum() < 0.3 * cells.n_obs
    made = model.sample({"type_1": 500})
    real = cells[cells.obs["cell_type"] == "type_1"]
    assert np.abs(shares(made) - shares(real)).sum() < 0.15


def test_more_cells_than_the_factors_are_fitted_on(cells, monkeypatch):
    whole, part = fit(cells), fit(cells, max_cells=100)
    assert part.about["n_train"] == whole.about["n_train"]
    np.testing.assert_array_equal(part.parts["marginal"].share, whole.parts["marginal"].share)
    assert len(part.parts["fingerprints"].numbers) == part.about["n_train"]
    assert part.sample({"rare": 5}).n_obs == 5


def test_without_the_adversarial_stage_nothing_is_trained(fitted):
    assert len(fitted.history) == 0
    assert fitted.about["refined"] is False


@pytest.fixture(scope="module")
def refined(cells):
    model = fit(cells, refine=True, validate_every=2)
    for parameter in model.networks["generator"].parameters():
        parameter.data.add_(0.05)
    model.about["refined"] = True
    return model


def test_a_refined_model_survives_the_file(cells, refined, tmp_path):
    back = load(refined.save(tmp_path / "model"))
    assert back.about["refined"] is True
    assert isinstance(back.parts["marginal"], PoissonMixture)
    assert (back.sample(40).X != refined.sample(40).X).nnz == 0
    plain = load(refined.save(tmp_path / "plain"))
    plain.about["refined"] = False
    assert (plain.sample(40).X != refined.sample(40).X).nnz > 0


def test_the_adversarial_stage_is_judged_on_validation_cells(cells):
    model = fit(cells, refine=True)
    assert model.about["n_validation"] >= 16
    assert model.about["refined"] == (model.about["refined_score"] < 0.98 * model.about["start_score"])
    none = Garage(**FAST).fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    assert none.about["refined"] is False
    assert none.about["jitter"] == 1.0


def test_order_of_genes_is_irrelevant_to_what_is_made(cells, fitted):
    order = np.random.default_rng(0).permutation(cells.n_vars)
    made = fit(cells[:, order].copy()).sample(1500)
    assert list(made.var_names) == list(cells.var_names[order])
    np.testing.assert_allclose(shares(made), shares(fitted.sample(1500))[order], rtol=0.2, atol=2e-3)
