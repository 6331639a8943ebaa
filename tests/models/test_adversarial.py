"""The monitor inside a training: a generator that is collapsed by construction, and one that is not."""

import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

import scgarage as sg
from scgarage.cli.options import make_model
from scgarage.constraints import Exclusive
from scgarage.errors import InputError
from scgarage.losses import FGAN, OBJECTIVES, PENALTIES, R1, R2, BinaryCrossEntropy, Hinge, WeightClipping
from scgarage.models import FitOptions, Gan, GarageFaithful, LshGan, ScGan, Wgan, load
from scgarage.models.adversarial import ChosenSeeds, ExpressionHead, check_head, diagnosis
from scgarage.models.base import config_from_values, config_values
from scgarage.nn import HEADS
from scgarage.report.words import model_words
from scgarage.training.monitor import MONITORED

QUIET = FitOptions(progress=False, accelerator="cpu")
COLLAPSE_SMALL = {
    "n_iterations": 4, "n_top_genes": 40, "generator_hidden": (16,), "critic_hidden": (16,), "n_latent": 8,
    "validate_every": 2, "ema_decay": None, "batch_size": 32, "generator_learning_rate": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def cells_collapse():
    return sg.datasets.simulate(n_cells=200, n_genes=60, n_types=3, random_state=3)


class Stuck(Gan):
    """A generator that heeds its noise in no way."""

    def skeleton(self):
        networks = super().skeleton()
        for parameter in networks["generator"].layers.parameters():
            torch.nn.init.zeros_(parameter)
        return networks


class Faithful(Gan):
    """A generator that hands its input through: fed real cells, it makes real cells."""

    def seed_cells(self, data, options):
        return ChosenSeeds(np.arange(data.n_cells))

    def source(self):
        from scgarage.nn import HybridInput

        return HybridInput(torch.zeros(self.sizes["n_seeds"], self.sizes["n_genes"]), leakage=1.0)

    def skeleton(self):
        networks = super().skeleton()
        networks["generator"].layers = Logit(self.sizes["n_genes"])
        return networks


class Logit(torch.nn.Module):
    def __init__(self, n_genes):
        super().__init__()
        self.shift = torch.nn.Parameter(torch.zeros(n_genes))

    def forward(self, scaled):
        return torch.logit(scaled.clamp(1e-6, 1 - 1e-6)) + self.shift


def fitted(kind, cells_collapse, **settings):
    return kind(**COLLAPSE_SMALL | settings).fit(cells_collapse, labels_key="cell_type", validation=0.3, options=QUIET)


def test_collapse_by_construction_is_seen_and_advised_about(cells_collapse):
    model = fitted(Stuck, cells_collapse)
    found = model.about["diagnosis"]
    assert found["type_coverage"] <= 0.5
    assert found["neighbour_diversity"] < 0.01
    assert found["jacobian_rank"] == 0
    assert len(found["advice"]) == 3


def test_a_generator_of_real_cells_is_not_collapsed(cells_collapse):
    found = fitted(Faithful, cells_collapse).about["diagnosis"]
    assert found["type_coverage"] == 1
    assert found["neighbour_diversity"] > 0.5
    assert found["jacobian_rank"] > 3
    assert found["advice"][0].startswith("No sign of mode collapse")


@pytest.mark.parametrize("kind", [Gan, ScGan])
def test_history_holds_the_numbers_at_every_validation(kind, cells_collapse, tmp_path):
    model = fitted(kind, cells_collapse)
    measured = model.history[model.history["validation/score"].notna()]
    assert len(measured) == 2
    assert measured[list(MONITORED)].notna().all().all()
    back = load(model.save(tmp_path / "model"))
    assert back.about["diagnosis"] == model.about["diagnosis"]
    record = back.sample(5).uns["scgarage"]
    assert "monitor.jacobian_rank" in record["history"]
    assert any("of the types reached" in sentence for sentence in model_words(record))


def test_without_validation_nothing_is_said(cells_collapse):
    model = Gan(**COLLAPSE_SMALL).fit(cells_collapse, labels_key="cell_type", validation=None, options=QUIET)
    assert "diagnosis" not in model.about
    assert diagnosis(model.history, 4) == {}


def test_the_diagnosis_is_that_of_the_kept_step():
    history = pd.DataFrame({"step": [2, 4]} | {name: [0.1, 9.0] for name in MONITORED})
    assert diagnosis(history, 2)["jacobian_rank"] == 0.1
    assert diagnosis(history, 4)["type_coverage"] == 9.0
    assert diagnosis(history, 3) == {}


EXPRESSION_HEADS = [name for name, kind in HEADS.items() if kind.space != "one-hot"]


@pytest.fixture(scope="module")
def cells_expression_head():
    return sg.datasets.simulate(n_cells=80, n_genes=30, n_types=3, random_state=3)


def made(name, *, n_cells=400, has_rest=True):
    """A head of five genes, and what it makes of random logits."""
    noise = torch.Generator().manual_seed(0)
    head = ExpressionHead(name, 5, has_rest=has_rest)
    head.maximum.copy_(torch.arange(1.0, 6))
    logits = torch.randn(n_cells, head.n_logits, generator=noise)
    return head, head(logits, library=torch.full((n_cells,), 1000.0), generator=noise), logits


@pytest.mark.parametrize("name", EXPRESSION_HEADS)
def test_every_head_shows_the_critic_scaled_values(name):
    head, seen, _ = made(name)
    assert seen.shape == (400, 5)
    assert (seen >= 0).all()
    torch.testing.assert_close(head.log_expr(seen), seen * torch.arange(1.0, 6))
    counts = head.counts(head.log_expr(seen).detach().numpy(), np.full(400, 1000.0), np.random.default_rng(0))
    np.testing.assert_array_equal(counts, np.rint(counts))


@pytest.mark.parametrize("name", EXPRESSION_HEADS)
def test_every_head_passes_gradients_on(name):
    head = ExpressionHead(name, 5, has_rest=True)
    noise = torch.Generator().manual_seed(1)
    logits = torch.randn(20, head.n_logits, generator=noise, requires_grad=True)
    head(logits, library=torch.full((20,), 1000.0), generator=noise).sum().backward()
    assert (logits.grad[:, :4].abs().sum(dim=0) > 0).all()


@pytest.mark.parametrize("name", ["negative-binomial", "zinb"])
def test_drawn_counts_come_back_as_they_were(name):
    head, seen, logits = made(name)
    noise = torch.Generator().manual_seed(0)
    torch.randn(400, head.n_logits, generator=noise)
    drawn = head.head(logits, library=torch.full((400,), 1000.0), generator=noise)[:, :5]
    back = head.counts(head.log_expr(seen).detach().numpy(), np.full(400, 1000.0), np.random.default_rng(0))
    np.testing.assert_array_equal(back, drawn.detach().numpy())


@pytest.mark.parametrize("name", EXPRESSION_HEADS)
def test_without_the_noise_the_mean_is_left(name):
    head, _, logits = made(name, n_cells=1)
    if not head.needs_library:
        torch.testing.assert_close(head.smooth(logits), head(logits))
        return
    many = logits.expand(20_000, -1)
    draws = head.head(many, library=torch.full((20_000,), 1000.0), generator=torch.Generator().manual_seed(2))
    expected = np.expm1(head.log_expr(head.smooth(logits)).detach().double().numpy()) / 10
    np.testing.assert_allclose(draws[:, :5].detach().mean(dim=0)[None], expected, rtol=0.1)


@pytest.mark.parametrize("name", ["softmax", "alr"])
def test_shares_and_the_rest_add_up_to_the_library(name, cells_expression_head):
    head = ExpressionHead(name, 5, has_rest=True)
    logits = torch.randn(400, head.n_logits, generator=torch.Generator().manual_seed(0))
    shares = np.expm1(head(logits).double().numpy()) / 1e4
    assert (shares.sum(axis=1) < 1).all()
    whole = ExpressionHead(name, 5, has_rest=False)
    everything = np.expm1(whole(logits[:, : whole.n_logits]).double().numpy()) / 1e4
    np.testing.assert_allclose(everything.sum(axis=1), 1, rtol=1e-4)
    counts = head.counts(head.log_expr(head(logits)).numpy(), np.full(400, 1000.0), np.random.default_rng(0))
    np.testing.assert_allclose(counts.mean(axis=0), 1000 * shares.mean(axis=0), rtol=0.05)


@pytest.mark.parametrize("name", [name for name in EXPRESSION_HEADS if name != "sigmoid-scaled"])
def test_an_untrained_head_starts_at_the_mean(name, cells_expression_head):
    log_expr = sg.pp.log1p_cp10k(cells_expression_head.X)
    mean, share = np.asarray(log_expr.mean(axis=0)).ravel(), np.asarray(log_expr.expm1().mean(axis=0)).ravel() / 1e4
    head = ExpressionHead(name, cells_expression_head.n_vars, has_rest=False)
    last = torch.nn.Linear(3, head.n_logits)
    torch.nn.init.zeros_(last.weight)
    head.start(last, mean, share)
    seen = head.smooth(last(torch.zeros(1, 3))).detach().double().numpy().ravel()
    wanted = mean if name == "softplus" else np.log1p(1e4 * share)
    np.testing.assert_allclose(seen, wanted, rtol=0.05, atol=0.15)


def test_names_are_checked():
    check_head("softplus")
    with pytest.raises(InputError, match="letters of sequences"):
        check_head("categorical")
    with pytest.raises(InputError, match="found 'poisson'"):
        ExpressionHead("poisson", 3, has_rest=False)


TECHNIQUES_SMALL = {
    "n_iterations": 4, "n_top_genes": 40, "generator_hidden": (16,), "critic_hidden": (16,), "n_latent": 8,
    "validate_every": 2, "ema_decay": None, "batch_size": 32,
}  # fmt: skip


@pytest.fixture(scope="module")
def cells_techniques():
    return sg.datasets.simulate(n_cells=150, n_genes=60, n_types=3, rare_fraction=0.1, random_state=3)


def fit(kind, cells_techniques, validation=None, **settings):
    return kind(**TECHNIQUES_SMALL | settings).fit(
        cells_techniques, labels_key="cell_type", validation=validation, options=QUIET
    )


@pytest.mark.parametrize("name", [*OBJECTIVES, "mmd:bandwidths=[1,2,4]"])
def test_every_objective_trains_a_gan(name, cells_techniques):
    wanted = {"wasserstein": ("gradient-penalty:10",), "mmd:bandwidths=[1,2,4]": ("spectral-norm",)}
    model = fit(Gan, cells_techniques, objective=name, penalties=wanted.get(name))
    assert ("critic" in model.networks) == (name != "mmd")
    assert np.isfinite(model.history["generator/loss"]).all()
    assert model.sample(20).shape == (20, cells_techniques.n_vars)


@pytest.mark.parametrize("name", PENALTIES)
def test_every_penalty_trains_a_gan(name, cells_techniques):
    model, plain = fit(Gan, cells_techniques, penalties=(name,)), fit(Gan, cells_techniques)
    assert type(model.game().penalties[0]) is PENALTIES[name]
    assert isinstance(model.game().objective, BinaryCrossEntropy)
    after, before = model.sample(20).X, plain.sample(20).X
    assert model.history["critic/loss"].iloc[0] != plain.history["critic/loss"].iloc[0] or name == "weight-clipping"
    assert after.shape == before.shape


@pytest.mark.parametrize("kind", [Gan, ScGan])
@pytest.mark.parametrize("name", EXPRESSION_HEADS)
def test_every_head_makes_whole_counts_of_the_right_depth(kind, name, cells_techniques, tmp_path):
    model = fit(kind, cells_techniques, 0.2, head=name)
    made = model.sample(300)
    np.testing.assert_array_equal(made.X.data, np.rint(made.X.data))
    depth, real = (np.median(np.asarray(x.X.sum(axis=1))) for x in (made, cells_techniques))
    assert name == "sigmoid-scaled" or 0.5 * real < depth < 2 * real  # an untrained sigmoid starts at half the maximum
    assert np.isfinite(model.history["validation/score"].dropna()).all()
    back = load(model.save(tmp_path / "model"))
    assert (back.sample(30, random_state=1).X != model.sample(30, random_state=1).X).nnz == 0


def test_counts_of_a_count_head_are_its_own_draws(cells_techniques):
    model = fit(Gan, cells_techniques, head="negative-binomial", n_top_genes=None)
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
def test_pairs_that_do_not_fit_are_refused_before_anything_is_fitted(kind, settings, match, cells_techniques):
    with pytest.raises(InputError, match=match):
        fit(kind, cells_techniques, **settings)


@pytest.mark.parametrize("name", ["softmax", "alr", "negative-binomial", "zinb"])
def test_heads_of_counts_refuse_log_values(name, cells_techniques):
    logged = cells_techniques.copy()
    logged.X = sg.pp.log1p_cp10k(cells_techniques.X)
    with pytest.raises(InputError, match=r"hold log-normalised values; fit on counts.*'softplus'"):
        fit(Gan, logged, head=name)
    made = fit(Gan, logged, head="softplus").sample(20)
    assert "counts" not in made.layers


def test_settings_without_a_choice_are_the_models_own(cells_techniques):
    assert isinstance(Gan().game().objective, BinaryCrossEntropy)
    assert Wgan().game().penalties == (WeightClipping(0.01),)
    assert GarageFaithful().game().objective == BinaryCrossEntropy(0.9, 0.1, 1.0)
    same = fit(Gan, cells_techniques, objective="bce", head="sigmoid-scaled", penalties=())
    assert (same.sample(40).X != fit(Gan, cells_techniques).sample(40).X).nnz == 0


@pytest.mark.parametrize("kind", [LshGan, GarageFaithful])
def test_models_with_seeds_take_them_too(kind, cells_techniques):
    small = {"gat_epochs": 2, "selector": "random"} if kind is GarageFaithful else {"n_latent": 8}
    base = {name: value for name, value in TECHNIQUES_SMALL.items() if name != "n_latent"}
    model = kind(**base | small, objective="relativistic", penalties=("r1:1", "r2:1"), head="negative-binomial")
    model.fit(cells_techniques, labels_key="cell_type", validation=0.2, options=QUIET)
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
def test_a_generator_honours_constraints_better_with_the_penalty(kind, cells_techniques):
    # No cell expresses both of two common genes; a generator that is barely trained blurs them.
    pair = np.argsort(-np.asarray((cells_techniques.X > 0).mean(axis=0)).ravel())[:2]
    values = cells_techniques.X.toarray()
    values[::2, pair[0]] = values[1::2, pair[1]] = 0
    cells_techniques = ad.AnnData(sparse.csr_matrix(values), obs=cells_techniques.obs, var=cells_techniques.var)
    rule = Exclusive(genes=tuple(cells_techniques.var_names[pair]))
    how = {"n_iterations": 100, "generator_learning_rate": 3e-3, "critic_learning_rate": 3e-3, "n_top_genes": None}
    how |= {"n_critic_steps": 1, "constraints": (rule,)}
    rates = {}
    for weight in (0.0, 3.0):
        model = fit(kind, cells_techniques, **how, constraint_weight=weight)
        rates[weight] = sg.check_constraints(model.sample(300), cells_techniques, rule).loc[0, "rate"]
    assert "generator/constraints" in model.history
    assert rates[3.0] < 0.5 * rates[0.0]
