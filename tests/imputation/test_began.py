import anndata as ad
import numpy as np
import pytest
import torch
from scipy import sparse

import scgarage as sg
from scgarage.errors import InputError
from scgarage.imputation.base import IMPUTED, IMPUTED_SD, Conditions, cells_to_impute
from scgarage.imputation.began import CONDITIONS, PROFILE, Adversary, Began
from scgarage.imputation.began_networks import Autoencoder, Drop, ProfileGenerator, make_network
from scgarage.training import seeded

SMALL = {"n_iterations": 4, "validate_every": 2, "hidden": (8,), "n_repeats": 2, "batch_size": 16}


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=100, n_genes=60, n_types=3, rare_fraction=0.1, random_state=2)


@pytest.fixture
def pair():
    with seeded(0):
        networks = [make_network("mlp", 12, 3, (8,)) for _ in range(2)]
    config = Began(hidden_share=0.3, balance_rate=0.1).config
    return Adversary(ProfileGenerator(networks[0], torch.ones(12)), Autoencoder(networks[1]), Drop(1.0, 2.0), config)


@pytest.fixture
def batch():
    rng = torch.Generator().manual_seed(0)
    return {PROFILE: torch.rand(20, 12, generator=rng) * 3, CONDITIONS: torch.eye(3)[torch.arange(20) % 3]}


@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("n_genes", [12, 16, 17])
def test_networks_keep_the_shape_and_listen_to_conditions(kind, n_genes):
    with seeded(0):
        network = make_network(kind, n_genes, 3, (8,))
    profile = torch.rand(5, n_genes)
    out = network(profile, torch.eye(3)[[0] * 5])
    assert out.shape == (5, n_genes)
    assert not torch.allclose(out, network(profile, torch.eye(3)[[1] * 5]))


def test_generator_starts_near_the_mean_of_each_gene():
    level = torch.tensor([0.01, 0.5, 3.0])
    with seeded(0):
        network = make_network("mlp", 3, 1, (4,))
    torch.nn.init.zeros_(network.layers[-1].weight)
    torch.nn.init.zeros_(network.layers[-1].bias)
    made = ProfileGenerator(network, level)(torch.rand(2, 3), torch.ones(2, 1))
    torch.testing.assert_close(made, level.expand(2, 3), rtol=1e-4, atol=1e-5)


def test_losses_are_those_of_the_equations(pair, batch):
    pair.critic.k.fill_(0.4)
    with seeded(5):
        losses = {name: value.detach() for name, value in pair._critic_losses(pair.critic, batch).items()}
    assert float(losses["loss"]) == pytest.approx(float(losses["real"] - 0.4 * losses["fake"]))
    expected = losses["real"] + abs(0.95 * losses["real"] - losses["fake"])
    assert float(losses["convergence"]) == pytest.approx(float(expected))
    pair._balance(losses)
    moved = 0.4 + 0.1 * (0.95 * float(losses["real"]) - float(losses["fake"]))
    assert float(pair.critic.k) == pytest.approx(moved, rel=1e-5)
    pair._balance({"real": torch.tensor(1e3), "fake": torch.tensor(0.0)})
    assert float(pair.critic.k) == 1.0


def test_content_counts_hidden_entries_only(pair, batch):
    profile = batch[PROFILE]
    expression, hidden = torch.full_like(profile, 2.0), torch.zeros_like(profile, dtype=torch.bool)
    hidden[3, 4] = True
    truth = (pair.drop.expected(torch.tensor(2.0)) - profile[3, 4]) ** 2
    assert float(pair._content(expression, hidden, profile)) == pytest.approx(float(truth), rel=1e-5)


def test_every_parameter_learns(pair, batch):
    for phase in pair.phases():
        with seeded(0):
            phase.loss(phase.module, batch)["loss"].backward()
        for name, parameter in phase.module.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
        phase.module.zero_grad()


def test_no_critic_is_trained_when_nobody_listens(pair):
    pair.config = Began(adversarial_weight=0.0).config
    assert [phase.name for phase in pair.phases()] == ["generator"]


def test_history_has_balance_convergence_and_score(cells):
    model = Began(**SMALL).fit(cells, labels_key="cell_type")
    assert {"critic/convergence", "critic/k", "generator/content", "validation/score"} <= set(model.history)
    assert model.history["repeat"].nunique() == 2


@pytest.mark.parametrize("settings", [{"subset_size": 25}, {"network": "conv"}, {"output": "expression"}])
def test_variants_fill_every_gene(cells, settings):
    made = Began(**SMALL | settings, zero_chance=1.0).fit(cells, labels_key="cell_type").transform(cells)
    assert (made.layers[IMPUTED].toarray() > 0).all()
    missing = cells.X.toarray() == 0
    assert made.layers[IMPUTED_SD].toarray()[missing].min() > 0


def test_markers_are_filled_in_where_they_belong():
    rng = np.random.default_rng(0)
    types = np.repeat(["a", "b"], 60)
    rates = np.full((120, 30), 1.0)
    rates[:60, :10] = 3.0
    rates[60:, :10] = 0.1
    cells = ad.AnnData(sparse.csr_matrix(rng.poisson(rates).astype(np.float32)), obs={"type": types})
    settings = {"n_iterations": 60, "validate_every": 30, "hidden": (16,), "n_repeats": 1, "learning_rate": 1e-2}
    made = Began(**settings).fit(cells, labels_key="type").transform(cells).layers[IMPUTED].toarray()
    markers, missing = made[:, :10], cells.X.toarray()[:, :10] == 0
    here, there = missing & (types == "a")[:, None], missing & (types == "b")[:, None]
    assert markers[here].mean() > 3 * markers[there].mean()


def test_clusters_stand_in_for_types(cells):
    prepared = cells_to_impute(cells, labels_key=None, batch_key=None, layer=None)
    conditions = Conditions.fit(prepared)
    codes = conditions.encode(prepared)
    assert codes.shape == (cells.n_obs, len(conditions.types))
    np.testing.assert_array_equal(codes.sum(axis=1), 1)
    types = cells.obs["cell_type"].to_numpy()
    purity = [np.unique(types[column == 1], return_counts=True)[1].max() for column in codes.T if column.any()]
    assert sum(purity) / len(types) > 0.9


@pytest.mark.parametrize(
    "settings",
    [
        {"n_repeats": 0},
        {"hidden_share": 0.0},
        {"adversarial_weight": 0.0, "content_weight": 0.0},
        {"network": "gnn"},
        {"output": "both"},
        {"drop_percentile": 30.0},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match="out of range"):
        Began(**settings)
