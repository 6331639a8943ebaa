"""What every model must do; adding a model means adding a line to FAST."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import torch
from scipy import sparse

import scgarage as sg
from scgarage.errors import InputError, OutputExistsError, SamplingError
from scgarage.io import atomic_output
from scgarage.models import MODELS, FitOptions, load
from scgarage.schema import UNSURE

SMALL = {"n_iterations": 6, "n_top_genes": 60, "validate_every": 2, "ema_decay": None}
SMALL_GAN = SMALL | {"generator_hidden": (16,), "critic_hidden": (16,), "n_latent": 8}
SMALL_VAE = SMALL | {"hidden": (16,), "n_latent": 8}
SMALL_LATENT = SMALL | {"hidden": (16,), "n_components": 8, "n_steps": 4}
FAST = {
    "garage": {
        "n_top_genes": 60,
        "n_factors": 4,
        "n_sweeps": 3,
        "n_kept": 2,
        "refine": True,
        "n_iterations": 6,
        "validate_every": 2,
        "hidden": (16,),
    },
    "garage-faithful": {
        "n_iterations": 6,
        "gat_epochs": 3,
        "n_top_genes": 60,
        "generator_hidden": (16,),
        "critic_hidden": (16,),
        "validate_every": 2,
        "max_draws_per_cell": 20,
    },
    "copula": {"n_top_genes": 60},
    "smote": {"n_top_genes": 60},
    "nb-independent": {},
    "bootstrap": {},
    "gan": SMALL_GAN,
    "wgan": SMALL_GAN,
    "fgan": SMALL_GAN,
    "lsh-gan": SMALL_GAN,
    "scgan": SMALL_GAN,
    "vae": SMALL_VAE,
    "scvae": SMALL_VAE,
    "scdiffusion": SMALL_LATENT,
    "flow": SMALL | {"hidden": (16,), "n_factors": 4, "n_sweeps": 3, "n_kept": 2, "n_steps": 4},
    "gan-ros": SMALL_GAN,
    "vae-ros": SMALL_VAE,
    "scvi": SMALL | {"n_hidden": 16, "n_latent": 4},
    "scdesigner": {"max_epochs": 5, "top_k": 20},
}
QUIET = FitOptions(progress=False, accelerator="cpu")


@pytest.fixture(scope="module")
def cells():
    adata = sg.datasets.simulate(n_cells=240, n_genes=90, n_types=3, rare_fraction=0.05, random_state=1)
    adata.var["gene_ids"] = [f"ID{i}" for i in range(adata.n_vars)]
    return adata


@pytest.fixture(scope="module", params=list(MODELS))
def fitted(request, cells):
    if MODELS[request.param].extra:
        pytest.skip(f"{request.param} has tests of its own: it needs the extra {MODELS[request.param].extra!r}")
    return MODELS[request.param](**FAST[request.param]).fit(cells, labels_key="cell_type", options=QUIET)


def fresh(model):
    return type(model)(model.config)


def same(a, b):
    return (a.X != b.X).nnz == 0 and a.obs.equals(b.obs) and list(a.var_names) == list(b.var_names)


def test_every_model_has_fast_settings():
    assert set(FAST) == set(MODELS)
    assert all(kind.name == name for name, kind in MODELS.items())


@pytest.mark.parametrize("n", [1, 7, 2500])
def test_exact_number_genes_labels_and_counts(fitted, cells, n):
    made = fitted.sample(n)
    assert made.shape == (n, cells.n_vars)
    assert list(made.var_names) == list(cells.var_names)
    assert list(made.var["gene_ids"]) == list(cells.var["gene_ids"])
    assert made.obs_names.is_unique
    assert sparse.issparse(made.X)
    assert made.X.dtype == np.float32
    assert (made.X.data >= 0).all()
    np.testing.assert_array_equal(made.X.data, np.rint(made.X.data))
    assert (made.layers["counts"] != made.X).nnz == 0
    assert set(made.obs["cell_type"]) <= {*cells.obs["cell_type"], UNSURE}
    assert not made.obs["cell_type"].isna().any()
    assert (made.obs["source"] == "synthetic").all()


def test_unsure_cells_are_those_below_the_threshold(fitted):
    made = fitted.sample(500)
    if "cell_type_probability" in made.obs:
        unsure = made.obs["cell_type"] == UNSURE
        below = made.obs["cell_type_probability"] < fitted.config.label_threshold
        np.testing.assert_array_equal(unsure, below)


def test_provenance_survives_the_file(fitted, tmp_path):
    made = fitted.sample(20, random_state=4)
    about = made.uns["scgarage"]
    assert about["model"] == fitted.name
    assert about["version"] == sg.__version__
    assert about["random_state"] == 4
    assert about["value_kind"] == "counts"
    assert about["labels_key"] == "cell_type"
    assert len(about["history"]["step"]) == len(fitted.history)
    made.write_h5ad(tmp_path / "made.h5ad")
    back = ad.read_h5ad(tmp_path / "made.h5ad")
    assert same(made, back)
    assert back.uns["scgarage"]["parameters"]["random_state"] == fitted.config.random_state


def test_works_in_scanpy(fitted):
    made = fitted.sample(60)
    sc.pp.filter_cells(made, min_counts=1)
    sc.pp.normalize_total(made, target_sum=1e4)
    sc.pp.log1p(made)
    sc.pp.pca(made, n_comps=5)
    assert np.isfinite(made.obsm["X_pca"]).all()


def test_seeds_reproduce_bytes_and_leave_the_global_state_alone(fitted, cells):
    state = torch.get_rng_state()
    again = fresh(fitted).fit(cells, labels_key="cell_type", options=QUIET)
    assert torch.equal(state, torch.get_rng_state())
    assert same(fitted.sample(50, random_state=3), again.sample(50, random_state=3))
    assert not same(fitted.sample(50, random_state=3), again.sample(50, random_state=4))


def test_two_fits_write_the_same_bytes_but_for_the_clock(fitted, cells, tmp_path):
    again = fresh(fitted).fit(cells, labels_key="cell_type", options=QUIET)
    again.about["fit_seconds"] += 100
    one, two = fitted.save(tmp_path / "one"), again.save(tmp_path / "two")
    files = sorted(file.name for file in one.iterdir())
    assert files == ["model.json", "networks.safetensors", "parts.safetensors", "timing.json"]
    assert [name for name in files if (one / name).read_bytes() != (two / name).read_bytes()] == ["timing.json"]
    assert load(two).about["fit_seconds"] == again.about["fit_seconds"]
    for number, model in enumerate((fitted, load(two))):
        sg.write_h5ad(model.sample(20, random_state=1), tmp_path / f"{number}.h5ad")
    assert (tmp_path / "0.h5ad").read_bytes() == (tmp_path / "1.h5ad").read_bytes()


def test_save_and_load_give_the_same_cells(fitted, tmp_path):
    path = fitted.save(tmp_path / "model")
    back = load(path)
    assert type(back) is type(fitted)
    assert back.config == fitted.config
    assert same(fitted.sample(40, random_state=1), back.sample(40, random_state=1))
    assert {file.suffix for file in path.iterdir()} == {".json", ".safetensors"}
    with pytest.raises(OutputExistsError, match="exists"):
        fitted.save(path)
    back.save(path, overwrite=True)
    assert same(fitted.sample(40), load(path).sample(40))


def test_failed_save_leaves_the_old_model(fitted, tmp_path, monkeypatch):
    path = fitted.save(tmp_path / "model")
    before = {file.name: file.read_bytes() for file in path.iterdir()}

    def broken(*_, **__):
        msg = "disk full"
        raise OSError(msg)

    monkeypatch.setattr("scgarage.models.persistence.save_tensors", broken)
    with pytest.raises(OSError, match="disk full"):
        fitted.save(path, overwrite=True)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_every_parameter_gets_a_gradient(fitted, cells):
    model = load_networks(fitted)
    for phase in model.phases():
        phase.module.zero_grad()
        for parameter in phase.module.parameters():  # a layer that starts at zero passes no gradient on
            torch.nn.init.normal_(parameter, std=0.3)
        batch = example_batch(model)
        phase.loss(phase.module, batch)["loss"].backward()
        for name, parameter in phase.module.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


def example_batch(model):
    if "n_dims" in model.sizes:
        shape = (64, model.sizes["n_dims"])
        types = torch.arange(64) % model.sizes["n_types"]
        return {"start": torch.randn(shape), "real": torch.randn(shape), "type": types}
    types = torch.arange(16) % model.sizes.get("n_types", 1)
    if "n_components" in model.sizes:
        return {"latent": torch.randn(64, model.sizes["n_components"]), "type": types.repeat(4)}
    cells = torch.rand(16, model.sizes["n_genes"])
    counts = (5 * cells).round()
    return {"scaled": cells, "log_expr": cells, "values": counts, "library": counts.sum(1), "type": types}


def load_networks(model):
    copy = fresh(model)
    copy.sizes, copy.parts, copy.about = model.sizes, model.parts, model.about
    copy.networks = copy.skeleton()
    return copy


def test_input_is_not_changed(fitted, cells):
    before = cells.copy()
    fresh(fitted).fit(cells, labels_key="cell_type", options=QUIET)
    assert (before.X != cells.X).nnz == 0
    pd.testing.assert_frame_equal(before.obs, cells.obs)
    assert list(before.uns) == list(cells.uns)


def test_fits_log_normalised_values(fitted, cells):
    logged = cells.copy()
    logged.layers["log"] = sg.pp.log1p_cp10k(cells.X)
    if fitted.needs_counts:
        with pytest.raises(sg.errors.InputError, match="models counts"):
            fresh(fitted).fit(logged, labels_key="cell_type", layer="log", options=QUIET)
        return
    made = fresh(fitted).fit(logged, labels_key="cell_type", layer="log", options=QUIET).sample(30)
    assert made.uns["scgarage"]["value_kind"] == "log-normalised"
    assert "counts" not in made.layers
    assert (made.X.data > 0).all()
    assert made.X.max() <= logged.layers["log"].max() * 1.5
    assert not np.allclose(made.X.data, np.rint(made.X.data))


def test_validation_cells_are_used_and_stop_training(fitted, cells):
    split = sg.pp.split(cells, labels_key="cell_type")
    model = fresh(fitted).fit(split.train, labels_key="cell_type", validation=split.validation, options=QUIET)
    if fitted.phases():
        assert model.history["validation/score"].notna().sum() >= 1
    assert model.about["n_train"] == split.train.n_obs
    assert model.about["split"]["fingerprint"] == split.fingerprint
    none = fresh(fitted).fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    assert none.about["n_train"] == cells.n_obs
    assert "validation/score" not in none.history or none.history["validation/score"].isna().all()


def test_resumes_exactly(fitted, cells, tmp_path):
    name = fitted.name
    if not fitted.phases():
        pytest.skip(f"{name} has no networks to train")
    half = MODELS[name](**FAST[name] | {"n_iterations": 4})
    options = FitOptions(checkpoint=tmp_path / "run", progress=False, accelerator="cpu")
    half.fit(cells, labels_key="cell_type", options=options)
    rest = fresh(fitted).fit(
        cells,
        labels_key="cell_type",
        options=FitOptions(checkpoint=tmp_path / "run", resume=True, progress=False, accelerator="cpu"),
    )
    assert same(fitted.sample(30), rest.sample(30))


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        (0, "at least 1"),
        (-3, "at least 1"),
        (2.5, "table type"),
        (True, "table type"),
        ({"nonsense": 3}, "knows no type 'nonsense'"),
        ({"type_1": 1.5}, "whole number"),
        ({"type_1": 0}, "add up to zero"),
        ({}, "add up to zero"),
        ("ten", "found str"),
    ],
)
def test_odd_requests_are_refused(fitted, spec, match):
    with pytest.raises(InputError, match=match):
        fitted.sample(spec)


def test_types_come_in_the_numbers_asked_for(fitted):
    common = fitted.sample(400).obs["cell_type"].value_counts().drop(UNSURE, errors="ignore").index[0]
    made = fitted.sample({common: 9})
    assert list(made.obs["cell_type"]) == [common] * 9


def test_unfitted_model_and_unknown_settings_are_refused(fitted):
    with pytest.raises(InputError, match="not fitted"):
        fresh(fitted).sample(3)
    with pytest.raises(InputError, match="no setting 'colour'"):
        type(fitted)(colour="red")
    if fitted.needs_labels:
        with pytest.raises(InputError, match="pass labels_key="):
            fresh(fitted).fit(sg.datasets.simulate(n_cells=60, n_genes=60))
    if not fitted.knows_batches:
        with pytest.raises(InputError, match="cannot condition on a batch"):
            fresh(fitted).fit(sg.datasets.simulate(n_cells=60, n_genes=60), labels_key="cell_type", batch_key="x")


def test_type_that_is_never_made_is_an_error_that_says_so(cells):
    model = MODELS["garage-faithful"](**FAST["garage-faithful"] | {"label_threshold": 1.1})
    model.fit(cells, labels_key="cell_type", options=QUIET)
    with pytest.raises(SamplingError, match="made 0 in"):
        model.sample({model.types[0]: 3})


def test_damaged_and_foreign_folders(fitted, tmp_path):
    with pytest.raises(InputError, match="not a model folder"):
        load(tmp_path)
    path = fitted.save(tmp_path / "model")
    weights = path / "networks.safetensors"
    weights.write_bytes(weights.read_bytes()[:9])
    with pytest.raises(InputError, match="damaged"):
        load(path)
    with atomic_output(tmp_path / "other") as folder:
        folder.mkdir()
        (folder / "model.json").write_text("{nonsense")
    with pytest.raises(InputError, match="damaged"):
        load(tmp_path / "other")


def test_cells_that_went_through_a_file_can_be_fitted_and_saved(fitted, cells, tmp_path):
    """What h5ad gives back (arrays for lists) must not break the model's description."""
    sg.pp.split(cells, labels_key="cell_type").train.write_h5ad(tmp_path / "train.h5ad")
    model = fresh(fitted).fit(sg.read(tmp_path / "train.h5ad"), labels_key="cell_type", options=QUIET)
    back = load(model.save(tmp_path / "model"))
    assert back.about["dataset"] == "simulated cells"
    record = back.sample(3).uns["scgarage"]["split"]
    assert sg.pp.split_again(cells, record).train.n_obs == model.about["split"]["n_train"]


def test_description_without_an_entry_is_damaged(fitted, tmp_path):
    path = fitted.save(tmp_path / "model")
    text = (path / "model.json").read_text()
    (path / "model.json").write_text(text.replace('"sizes"', '"sizez"'))
    with pytest.raises(InputError, match="damaged"):
        load(path)
