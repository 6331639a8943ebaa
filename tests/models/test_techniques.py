"""Objectives, penalties, heads and constraints from the settings of the adversarial models."""

import json

import anndata as ad
import numpy as np
import pytest
import torch
from scipy import sparse

import scgarage as sg
from scgarage.cli.options import make_model
from scgarage.constraints import Exclusive
from scgarage.errors import InputError
from scgarage.losses import FGAN, OBJECTIVES, PENALTIES, R1, R2, BinaryCrossEntropy, Hinge, WeightClipping
from scgarage.models import FitOptions, Gan, GarageFaithful, LshGan, ScGan, Wgan, load
from scgarage.models.base import config_from_values, config_values
from scgarage.nn import HEADS

QUIET = FitOptions(progress=False, accelerator="cpu")
SMALL = {
    "n_iterations": 4, "n_top_genes": 40, "generator_hidden": (16,), "critic_hidden": (16,), "n_latent": 8,
    "validate_every": 2, "ema_decay": None, "batch_size": 32,
}  # fmt: skip
EXPRESSION_HEADS = [name for name, kind in HEADS.items() if kind.space != "one-hot"]


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=150, n_genes=60, n_types=3, rare_fraction=0.1, random_state=3)


def fit(kind, cells, validation=None, **settings):
    return kind(**SMALL | settings).fit(cells, labels_key="cell_type", validation=validation, options=QUIET)


@pytest.mark.parametrize("name", [*OBJECTIVES, "mmd:bandwidths=[1,2,4]"])
def test_every_objective_trains_a_gan(name, cells):
    wanted = {"wasserstein": ("gradient-penalty:10",), "mmd:bandwidths=[1,2,4]": ("spectral-norm",)}
    model = fit(Gan, cells, objective=name, penalties=wanted.get(name))
    assert ("critic" in model.networks) == (name != "mmd")
    assert np.isfinite(model.history["generator/loss"]).all()
    assert model.sample(20).shape == (20, cells.n_vars)


@pytest.mark.parametrize("name", PENALTIES)
def test_every_penalty_trains_a_gan(name, cells):
    model, plain = fit(Gan, cells, penalties=(name,)), fit(Gan, cells)
    assert type(model.game().penalties[0]) is PENALTIES[name]
    assert isinstance(model.game().objective, BinaryCrossEntropy)
    after, before = model.sample(20).X, plain.sample(20).X
    assert model.history["critic/loss"].iloc[0] != plain.history["critic/loss"].iloc[0] or name == "weight-clipping"
    assert after.shape == before.shape


@pytest.mark.parametrize("kind", [Gan, ScGan])
@pytest.mark.parametrize("name", EXPRESSION_HEADS)
def test_every_head_makes_whole_counts_of_the_right_depth(kind, name, cells, tmp_path):
    model = fit(kind, cells, 0.2, head=name)
    made = model.sample(300)
    np.testing.assert_array_equal(made.X.data, np.rint(made.X.data))
    depth, real = (np.median(np.asarray(x.X.sum(axis=1))) for x in (made, cells))
    assert name == "sigmoid-scaled" or 0.5 * real < depth < 2 * real  # an untrained sigmoid starts at half the maximum
    assert np.isfinite(model.history["validation/score"].dropna()).all()
    back = load(model.save(tmp_path / "model"))
    assert (back.sample(30, random_state=1).X != model.sample(30, random_state=1).X).nnz == 0


def test_counts_of_a_count_head_are_its_own_draws(cells):
    model = fit(Gan, cells, head="negative-binomial", n_top_genes=None)
    library = torch.full((50,), 900.0)
    generator = torch.Generator().manual_seed(0)
    scaled = model.networks["generator"](50, generator=generator, library=library).detach()
    head = model.networks["generator"].head
    counts = head.counts(head.log_expr(scaled).numpy(), library.numpy().astype(np.float64), np.random.default_rng(0))
    exact = np.expm1(head.log_expr(scaled).double().numpy()) * 900 / 1e4
    np.testing.assert_allclose(counts, exact, atol=1e-2)


@pytest.mark.parametrize(
    ("kind", "settings", "match"),
    [
        (Gan, {"objective": "hinges"}, "objective knows no 'hinges'; available: 'bce'"),
        (Gan, {"penalties": ("r3",)}, "penalties knows no 'r3'; available: 'gradient-penalty'"),
        (Gan, {"head": "poisson"}, "head must be one of 'sigmoid-scaled'"),
        (Gan, {"head": "categorical"}, "letters of sequences"),
        (ScGan, {"constraints": ({"kind": "never"},)}, "kind must be one of"),
        (GarageFaithful, {"constraint_weight": -1.0}, "constraint_weight must be"),
    ],
)
def test_bad_names_are_refused_when_the_model_is_made(kind, settings, match):
    with pytest.raises(InputError, match=match):
        kind(**settings)


@pytest.mark.parametrize(
    ("kind", "settings", "match"),
    [
        (Gan, {"objective": "wasserstein"}, "no lower bound"),
        (Gan, {"objective": "began", "penalties": ("r1:1",)}, "takes no penalties"),
        (Gan, {"objective": "mmd", "penalties": ("r1:1",)}, "has no critic"),
        (Wgan, {"penalties": ()}, "no lower bound"),
        (ScGan, {"objective": "began", "penalties": ()}, "wants reconstruction error; use another objective"),
        (Gan, {"constraints": (Exclusive(genes=("gene_0", "nonsense")),)}, "'nonsense', which the generator does not"),
    ],
)
def test_pairs_that_do_not_fit_are_refused_before_anything_is_fitted(kind, settings, match, cells):
    with pytest.raises(InputError, match=match):
        fit(kind, cells, **settings)


@pytest.mark.parametrize("name", ["softmax", "alr", "negative-binomial", "zinb"])
def test_heads_of_counts_refuse_log_values(name, cells):
    logged = cells.copy()
    logged.X = sg.pp.log1p_cp10k(cells.X)
    with pytest.raises(InputError, match=r"hold log-normalised values; fit on counts.*'softplus'"):
        fit(Gan, logged, head=name)
    made = fit(Gan, logged, head="softplus").sample(20)
    assert "counts" not in made.layers


def test_settings_without_a_choice_are_the_models_own(cells):
    assert isinstance(Gan().game().objective, BinaryCrossEntropy)
    assert Wgan().game().penalties == (WeightClipping(0.01),)
    assert GarageFaithful().game().objective == BinaryCrossEntropy(0.9, 0.1, 1.0)
    same = fit(Gan, cells, objective="bce", head="sigmoid-scaled", penalties=())
    assert (same.sample(40).X != fit(Gan, cells).sample(40).X).nnz == 0


@pytest.mark.parametrize("kind", [LshGan, GarageFaithful])
def test_models_with_seeds_take_them_too(kind, cells):
    small = {"gat_epochs": 2, "selector": "random"} if kind is GarageFaithful else {"n_latent": 8}
    base = {name: value for name, value in SMALL.items() if name != "n_latent"}
    model = kind(**base | small, objective="relativistic", penalties=("r1:1", "r2:1"), head="negative-binomial")
    model.fit(cells, labels_key="cell_type", validation=0.2, options=QUIET)
    assert model.game().penalties == (R1(1.0), R2(1.0))
    assert model.sample(30).n_obs == 30


def test_settings_survive_json_and_the_command_line(tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text("- {kind: exclusive, genes: [A, B], weight: 2}\n")
    chosen = {"objective": "hinge", "penalties": "r1:1", "head": "zinb", "constraints": str(rules)}
    model = make_model("gan", chosen)
    assert model.config.penalties == ("r1:1",)
    assert Gan(penalties=["r1:1", "r2:1"]).config.penalties == ("r1:1", "r2:1")
    assert json.loads(model.config.constraints[0]) == {"kind": "exclusive", "weight": 2, "genes": ["A", "B"]}
    values = json.loads(json.dumps(config_values(model.config)))
    assert config_from_values(type(model.config), values) == model.config
    assert make_model("gan", values).config == model.config
    listed = make_model("scgan", {"penalties": ["r1:1", "r2:1"], "constraints": [{"kind": "non-negative"}]})
    assert listed.config.constraints == ('{"kind": "non-negative"}',)
    assert isinstance(Gan(objective="hinge").game().objective, Hinge)
    assert Gan(objective="f-kl").game().objective == FGAN("kl")


@pytest.mark.parametrize("kind", [Gan, ScGan])
def test_a_generator_honours_constraints_better_with_the_penalty(kind, cells):
    # No cell expresses both of two common genes; a generator that is barely trained blurs them.
    pair = np.argsort(-np.asarray((cells.X > 0).mean(axis=0)).ravel())[:2]
    values = cells.X.toarray()
    values[::2, pair[0]] = values[1::2, pair[1]] = 0
    cells = ad.AnnData(sparse.csr_matrix(values), obs=cells.obs, var=cells.var)
    rule = Exclusive(genes=tuple(cells.var_names[pair]))
    how = {"n_iterations": 100, "generator_learning_rate": 3e-3, "critic_learning_rate": 3e-3, "n_top_genes": None}
    how |= {"n_critic_steps": 1, "constraints": (rule,)}
    rates = {}
    for weight in (0.0, 3.0):
        model = fit(kind, cells, **how, constraint_weight=weight)
        rates[weight] = sg.check_constraints(model.sample(300), cells, rule).loc[0, "rate"]
    assert "generator/constraints" in model.history
    assert rates[3.0] < 0.5 * rates[0.0]
