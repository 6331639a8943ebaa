import copy

import pytest
import torch
from torch import nn

from scgarage.errors import InputError
from scgarage.losses import (
    BEGAN,
    FGAN,
    MMD,
    OBJECTIVES,
    PENALTIES,
    R1,
    R2,
    BinaryCrossEntropy,
    Fisher,
    Game,
    GradientPenalty,
    Hinge,
    SpectralNorm,
    Wasserstein,
    WeightClipping,
    objective_named,
    penalties_named,
    reconstruction_error,
)


@pytest.fixture
def cells():
    noise = torch.Generator().manual_seed(0)
    return torch.rand(8, 3, generator=noise), torch.rand(8, 3, generator=noise) + 1


@pytest.fixture
def critic():
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def test_losses_are_those_of_the_objective_and_its_penalties(cells, critic):
    game = Game(Hinge(), (R1(2.0), R2(3.0)))
    losses = game.critic_losses(critic, critic, *cells)
    slope = critic.weight.square().sum()  # the gradient of a linear critic is the same everywhere
    expected = Hinge().critic_loss(critic(cells[0]), critic(cells[1])) + slope + 1.5 * slope
    torch.testing.assert_close(losses["loss"], expected)
    assert set(losses) == {"loss", "real", "fake"}


@pytest.mark.parametrize("name", sorted(set(OBJECTIVES) - {"began", "mmd", "wasserstein"}))
def test_generator_loss_is_the_objectives(name, cells, critic):
    game, objective = Game(OBJECTIVES[name]()), OBJECTIVES[name]()
    game.apply_to(critic)
    expected = objective.generator_loss(critic(cells[1]), critic(cells[0]))
    torch.testing.assert_close(game.generator_loss(critic, critic, *cells), expected)


def test_order_of_cells_is_irrelevant(cells, critic):
    game = Game(Hinge())
    torch.testing.assert_close(
        game.critic_losses(critic, critic, *cells)["loss"],
        game.critic_losses(critic, critic, cells[0].flip(0), cells[1].flip(0))["loss"],
    )


def test_balance_of_began_moves_by_hand(cells):
    network = nn.Linear(3, 3)
    game = Game(BEGAN(gamma=0.5, rate=0.1))
    game.apply_to(network)
    losses = game.critic_losses(network, lambda x: reconstruction_error(x, network(x)), *cells)
    before = copy.deepcopy(game.now(network))
    game.after_critic_step(network, losses)
    by_hand = before.updated(losses["real"].detach(), losses["fake"].detach()).k
    torch.testing.assert_close(game.now(network).k, by_hand)
    assert "objective_state" in network.state_dict()


def test_multiplier_of_fisher_moves_only_when_it_is_one(cells, critic):
    game = Game(Fisher(rho=0.5))
    game.apply_to(critic)
    losses = game.critic_losses(critic, critic, *cells)
    game.after_critic_step(critic, losses)
    omega = Fisher().second_moment(critic(cells[0]), critic(cells[1]))
    torch.testing.assert_close(game.now(critic).multiplier, 0.5 * (omega.detach() - 1))
    plain = nn.Linear(3, 1)
    Game(Fisher("penalty", 10.0)).apply_to(plain)
    assert "objective_state" not in plain.state_dict()


def test_critic_free_game_compares_cells(cells):
    game = Game(MMD())
    assert not game.has_critic
    torch.testing.assert_close(game.generator_loss(None, None, *cells), MMD().generator_loss(cells[1], cells[0]))


@pytest.mark.parametrize(
    ("objective", "penalties", "match"),
    [
        (Wasserstein(), (), "no lower bound.*'gradient-penalty', 'spectral-norm', 'weight-clipping'"),
        (Wasserstein(), (R1(1.0),), "no lower bound"),
        (BEGAN(), (SpectralNorm(),), "takes no penalties"),
        (MMD(), (SpectralNorm(),), "has no critic.*bandwidths"),
        (MMD((1.0,)), (), "no lower bound.*'spectral-norm', 'weight-clipping'"),
        (MMD((1.0,)), (GradientPenalty(),), "one of 'spectral-norm'"),
    ],
)
def test_pairs_that_do_not_go_together_are_refused(objective, penalties, match):
    with pytest.raises(InputError, match=match):
        Game(objective, penalties)


def test_pairs_that_do():
    assert Game(Wasserstein(), (WeightClipping(),)).changes_critic
    assert Game(MMD((1.0,)), (SpectralNorm(),)).has_critic
    assert not Game(Hinge()).changes_critic


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_name_alone_gives_the_defaults(name):
    assert objective_named(name) == OBJECTIVES[name]()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bce:0.9", BinaryCrossEntropy(0.9)),
        ("bce: real_label=0.9, fake_label=0.1", BinaryCrossEntropy(0.9, 0.1)),
        ("fisher:constraint=penalty,rho=10", Fisher("penalty", 10.0)),
        ("mmd:bandwidths=[0.5,1,2]", MMD((0.5, 1, 2))),
        ("f-kl:saturating=true", FGAN("kl", saturating=True)),
    ],
)
def test_settings_follow_the_colon(text, expected):
    assert objective_named(text) == expected


def test_penalties_keep_their_order_and_types():
    made = penalties_named(["r1:1", "gradient-penalty:weight=5,one_sided=true", "spectral-norm:2"])
    assert made == (R1(1.0), GradientPenalty(5.0, one_sided=True), SpectralNorm(2))
    assert isinstance(made[0].gamma, float)


@pytest.mark.parametrize("text", ["hinges", "", "r1", 3])
def test_unknown_objectives_are_listed(text):
    with pytest.raises(InputError, match="'hinge'" if isinstance(text, str) else "by name"):
        objective_named(text)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("r3:1", "available: " + ", ".join(map(repr, PENALTIES))),
        ("r1:weight=1", "no setting 'weight'; it has: gamma"),
        ("r1:strong", "gamma must be of type float; found 'strong'"),
        ("gradient-penalty:one_sided=1", "one_sided must be of type bool"),
        ("gradient-penalty:1,2", "no setting '1'"),
        ("weight-clipping:-1", "limit must be positive"),
    ],
)
def test_bad_penalties_say_what_there_is(text, match):
    with pytest.raises(InputError, match=match):
        penalties_named([text])


def test_the_state_of_a_balanced_objective_is_no_setting():
    with pytest.raises(InputError, match="it has: gamma, rate"):
        objective_named("began:k=0.5")
