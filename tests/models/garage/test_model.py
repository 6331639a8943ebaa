"""What only the default model does; what every model does is in ../test_contract.py."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse, stats
from torch import nn

import scgarage as sg
from scgarage.errors import InputError
from scgarage.losses import OBJECTIVES, R1, R2, Relativistic
from scgarage.models import FitOptions, Garage
from scgarage.models.data import training_data
from scgarage.models.garage import GarageConfig
from scgarage.models.garage.model import (
    JITTERS,
    MIN_VALIDATION,
    REAL,
    START,
    TYPE,
    Refiner,
    choose_jitter,
    critic,
    refining_game,
    refining_phases,
)
from scgarage.models.garage.positions import Latent
from scgarage.models.garage.strata import Strata
from scgarage.seeds import SELECTORS


def test_candidates_for_the_jitter_go_from_small_to_one():
    assert list(JITTERS) == sorted(JITTERS)
    assert JITTERS[-1] == 1.0


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"jitter": 1.2}, "jitter must be"),
        ({"jitter": -0.1}, "jitter must be"),
        ({"jitter": "much"}, "jitter must be"),
        ({"seeds": "some"}, "seeds must be one of 'all', 'none', 'attention'.*found 'some'"),
        ({"seed_share": 0.0}, "seed_share is a share"),
        ({"seed_share": 1.5}, "seed_share is a share"),
        ({"n_factors": 0}, "n_factors must be at least 1"),
        ({"n_kept": 0}, "n_kept must be at least 1"),
        ({"max_cells": 0}, "max_cells must be at least 1"),
        ({"objective": "hinges"}, "objective knows no 'hinges'"),
        ({"penalties": ("spectral-norm",)}, "no spectral normalisation"),
    ],
)
def test_odd_settings_are_refused(settings, match):
    with pytest.raises(InputError, match=match):
        Garage(**settings)


@pytest.mark.parametrize("jitter", [0, 0.5, 1, "auto"])
def test_jitters_that_make_sense_are_kept(jitter):
    assert GarageConfig(jitter=jitter).jitter == jitter


@pytest.mark.parametrize("seeds", ["all", "none", *SELECTORS])
def test_every_selector_may_choose_the_seeds(seeds):
    assert GarageConfig(seeds=seeds).seeds == seeds


def test_a_wrong_selector_is_refused_with_what_there_is():
    with pytest.raises(InputError, match=", ".join(map(repr, ["all", "none", *SELECTORS]))):
        GarageConfig(seeds="attentive")


CANDIDATES = (0.5, 0.7, 0.85, 1.0)


def latent_of(points, *, seeds=None):
    codes = np.zeros(len(points), dtype=np.int64)
    seeds = np.arange(len(points)) if seeds is None else seeds
    return Latent.fit(points[None], codes, Strata.of(codes, codes, 1, 1), seeds=seeds, n_neighbours=50)


def normal(n_cells, n_dims, seed):
    return np.random.default_rng(seed).normal(size=(n_cells, n_dims)).astype(np.float32)


def chosen(latent, validation, seed=0):
    return choose_jitter(latent, validation, CANDIDATES, np.random.default_rng(seed))


def test_cells_alone_in_many_dimensions_are_moved_as_far_as_can_be():
    """Each new cell would lie next to the very cell that it came from."""
    assert chosen(latent_of(normal(300, 20, 0)), normal(300, 20, 1)) == 1.0


def test_positions_that_unseen_cells_share_need_the_least_jitter():
    """Every training cell has a twin among the validation cells, so nothing is given away."""
    train = normal(300, 20, 0)
    twins = train + 1e-3 * normal(300, 20, 1)
    assert chosen(latent_of(train), twins) == CANDIDATES[0]


def test_units_of_the_dimensions_are_irrelevant():
    units = np.array([1.0, 50.0, 0.02], dtype=np.float32)
    for n_cells in (100, 400):
        train, held = normal(n_cells, 3, 0), normal(n_cells, 3, 1)
        assert chosen(latent_of(train), held) == chosen(latent_of(train * units), held * units)


@pytest.mark.parametrize("n_validation", [None, 0, MIN_VALIDATION - 1])
def test_without_enough_validation_cells_the_last_candidate_is_taken(n_validation):
    train = normal(200, 3, 0)
    held = None if n_validation is None else train[:n_validation]
    assert chosen(latent_of(train), held) == 1.0


def test_without_seeds_the_last_candidate_is_taken():
    train = normal(200, 3, 0)
    nothing = np.empty(0, dtype=np.int64)
    assert chosen(latent_of(train, seeds=nothing), train + np.float32(1e-3)) == 1.0


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
    # One fit of 40 genes differs from the next by 0.05 (standard deviation over seeds), and from machine to machine.
    several = [dense(fit(real, n_top_genes=None, random_state=seed).sample(1500)) for seed in range(4)]
    for pair in [(0, 1), (2, 7), (20, 30), (0, 25)]:
        expected = stats.spearmanr(dense(real)[:, pair[0]], dense(real)[:, pair[1]]).statistic
        found = [stats.spearmanr(made[:, pair[0]], made[:, pair[1]]).statistic for made in several]
        assert np.mean(found) == pytest.approx(expected, abs=0.15)


def test_genes_outside_the_selection_are_made_too(cells):
    model = fit(cells, n_factor_genes=60)
    made = model.sample(1000)
    assert made.var["scgarage_modelled"].all()
    data = training_data(cells, labels_key="cell_type", layer=None, n_top_genes=None, batch_key=None)
    rest = np.setdiff1d(np.arange(cells.n_vars), Garage(model.config).fit_factors(data).selected)
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


N_DIMS, N_TYPES = 3, 2


@pytest.fixture
def networks():
    torch.manual_seed(0)
    made = {"generator": Refiner(N_DIMS, N_TYPES, (16,), 4), "critic": critic(N_DIMS, N_TYPES, (16, 16))}
    return nn.ModuleDict(made)


def batch(n_cells=128, shift=1.0, seed=0):
    noise = torch.Generator().manual_seed(seed)
    types = torch.arange(n_cells) % N_TYPES
    real = torch.randn(n_cells, N_DIMS, generator=noise) + shift
    return {START: torch.randn(n_cells, N_DIMS, generator=noise), REAL: real, TYPE: types}


def test_an_untrained_generator_changes_nothing(networks):
    cells = batch()
    assert torch.equal(networks["generator"](cells[START], cells[TYPE]), cells[START])


def test_generator_of_noise_decides_the_draw(networks):
    nn.init.normal_(list(networks["generator"].layers.parameters())[-2])
    cells = batch()

    def draw(seed):
        return networks["generator"](cells[START], cells[TYPE], generator=torch.Generator().manual_seed(seed))

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


def test_order_of_cells_is_irrelevant_to_the_critic(networks):
    cells, order = batch(), torch.randperm(128, generator=torch.Generator().manual_seed(0))
    scores = networks["critic"](cells[REAL], cells[TYPE])
    torch.testing.assert_close(networks["critic"](cells[REAL][order], cells[TYPE][order]), scores[order])
    assert not torch.equal(networks["critic"](cells[REAL], 1 - cells[TYPE]), scores)


def test_phases_move_the_starts_towards_the_real_cells(networks):
    phases = refining_phases(networks, learning_rate=1e-2, gamma=0.1)
    assert [phase.name for phase in phases] == ["critic", "generator"]
    for step in range(40):
        for phase in phases:
            phase.optimizer.zero_grad()
            phase.loss(phase.module, batch(seed=step))["loss"].backward()
            phase.optimizer.step()
    cells = batch(512, seed=999)
    with torch.no_grad():
        bent = networks["generator"](cells[START], cells[TYPE])
    before, after = (float((x.mean(dim=0) - cells[REAL].mean(dim=0)).norm()) for x in (cells[START], bent))
    assert after < 0.7 * before


def test_the_critic_step_leaves_the_generator_alone(networks):
    phases = refining_phases(networks, learning_rate=1e-3, gamma=1.0)
    phases[0].loss(phases[0].module, batch())["loss"].backward()
    assert all(parameter.grad is None for parameter in networks["generator"].parameters())


def test_types_that_are_unknown_are_an_error(networks):
    cells = batch()
    with pytest.raises(IndexError):
        networks["generator"](cells[START], cells[TYPE] + N_TYPES)


def test_input_is_not_changed(networks):
    cells = batch()
    before = {name: value.clone() for name, value in cells.items()}
    for phase in refining_phases(networks, learning_rate=1e-3, gamma=1.0):
        phase.loss(phase.module, cells)["loss"].backward()
    assert all(np.array_equal(before[name], cells[name].detach()) for name in before)


def test_the_default_game_is_that_of_r3gan():
    game = refining_game(None, None, 2.0)
    assert game.objective == Relativistic()
    assert game.penalties == (R1(2.0), R2(2.0))


@pytest.mark.parametrize("name", sorted(set(OBJECTIVES) - {"began", "mmd", "fisher"}))
def test_other_objectives_move_both_networks(name, networks):
    chosen = ("gradient-penalty:1", "weight-clipping:0.5") if name == "wasserstein" else ("r1:1",)
    phases = refining_phases(networks, learning_rate=1e-2, gamma=1.0, objective=name, penalties=chosen)
    before = [parameter.detach().clone() for parameter in networks.parameters()]
    for phase in phases:
        losses = phase.loss(phase.module, batch())
        losses["loss"].backward()
        phase.optimizer.step()
        if phase.after_step is not None:
            phase.after_step(losses)
    assert all(torch.isfinite(parameter).all() for parameter in networks.parameters())
    moved = [not torch.equal(a, b) for a, b in zip(before, networks.parameters(), strict=True)]
    assert sum(moved) > len(moved) / 2
    if name == "wasserstein":
        assert max(float(p.detach().abs().max()) for p in networks["critic"].parameters()) <= 0.5


@pytest.mark.parametrize(
    ("objective", "penalties", "match"),
    [
        ("began", (), "wants another one; use gan"),
        ("mmd", (), "wants another one; use gan"),
        ("fisher", (), "wants another one; use gan"),
        ("wasserstein", None, "no lower bound"),
        ("hinge", ("spectral-norm",), "no spectral normalisation"),
        ("nonsense", None, "objective knows no"),
    ],
)
def test_games_that_the_critic_cannot_play(objective, penalties, match):
    with pytest.raises(InputError, match=match):
        refining_game(objective, penalties, 1.0)
