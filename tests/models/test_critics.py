import pytest
import torch
from torch import nn

from scgarage.losses import BEGAN, MMD, Game, Hinge, Relativistic, SpectralNorm
from scgarage.models.adversarial import N_FEATURES, AutoencoderCritic, make_critic

CELLS = torch.rand(7, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def test_autoencoder_scores_by_its_mean_absolute_error():
    layers = nn.Linear(5, 5)
    error = (CELLS - layers(CELLS)).abs().mean(dim=1, keepdim=True)
    torch.testing.assert_close(AutoencoderCritic(layers)(CELLS), error)
    assert AutoencoderCritic(nn.Identity())(CELLS).abs().max() == 0


@pytest.mark.parametrize(
    ("game", "n_outputs", "bias"),
    [
        (Game(Hinge()), 1, True),
        (Game(Relativistic()), 1, False),
        (Game(MMD((1.0,)), (SpectralNorm(),)), N_FEATURES, False),
    ],
)
def test_last_layer_is_as_the_objective_wants_it(game, n_outputs, bias):
    critic = make_critic(game, 5, (8,), activation=nn.ReLU)
    assert critic(CELLS).shape == (7, n_outputs)
    assert (critic[-1].bias is not None) == bias
    assert (make_critic(game, 5, (8,), activation=nn.ReLU, bias=True)[-1].bias is not None) is True


def test_began_gets_an_autoencoder_with_a_place_for_its_balance():
    critic = make_critic(Game(BEGAN()), 5, (8, 3), activation=nn.ReLU)
    assert isinstance(critic, AutoencoderCritic)
    assert [layer.out_features for layer in critic.layers[::2]] == [8, 3, 8, 5]
    assert critic.state_dict()["objective_state"] == 0
