import numpy as np
import pytest
import torch
from torch import nn

from scgarage.errors import InputError
from scgarage.losses import OBJECTIVES, R1, R2, Relativistic
from scgarage.models.garage.model import REAL, START, TYPE, Refiner, critic, refining_game, refining_phases

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
