import pytest
import torch
from torch import nn

from scgarage.errors import InputError
from scgarage.losses import R1, SpectralNorm, Wasserstein


def critic(activation=nn.ReLU):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(6, 32), activation(), nn.Linear(32, 32), activation(), nn.Linear(32, 1))
    for layer in net[::2]:
        nn.init.orthogonal_(layer.weight, gain=3.0)
    return net


def steepest(function, seed=0):
    """Largest |f(x) - f(y)| / |x - y| over near and far pairs."""
    generator = torch.Generator().manual_seed(seed)
    x = 3 * torch.randn(4000, 6, generator=generator, dtype=torch.float64)
    step = torch.randn(4000, 6, generator=generator, dtype=torch.float64)
    y = x + step * torch.logspace(-3, 1, 4000, dtype=torch.float64)[:, None]
    with torch.no_grad():
        return ((function(x) - function(y)).abs().ravel() / (x - y).norm(dim=1)).max().item()


def warmed(net, n_steps=60):
    SpectralNorm().prepare(net)
    for _ in range(n_steps):
        net(torch.zeros(2, 6))
    return net.eval().double()


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, lambda: nn.LeakyReLU(0.2)])
def test_measured_lipschitz_constant_is_at_most_one(activation):
    assert steepest(critic(activation).double()) > 1.5  # the same weights, not normalised
    net = warmed(critic(activation))
    assert steepest(net) <= 1 + 1e-3
    sizes = [torch.linalg.matrix_norm(layer.weight.detach(), ord=2).item() for layer in net[::2]]
    assert sizes == pytest.approx([1.0, 1.0, 1.0], abs=1e-3)


def test_constant_stays_bounded_while_weights_move():
    net = critic()
    SpectralNorm().prepare(net)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        real, fake = torch.randn(2, 32, 6, generator=generator)
        optimizer.zero_grad()
        on_real, on_fake = net(torch.cat([real + 1, fake])).split(32)
        (Wasserstein().critic_loss(on_real, on_fake) + R1(0.01).loss(net, real, fake)).backward()
        optimizer.step()
    slope = steepest(net.eval().double())
    assert 0.1 < slope <= 1.05  # the penalty pulls the slopes down; the norm only bounds them


def test_preparing_twice_changes_nothing_more():
    net = critic()
    SpectralNorm().prepare(net)
    keys = set(net.state_dict())
    SpectralNorm().prepare(net)
    assert set(net.state_dict()) == keys


def test_normalised_weights_survive_a_state_dict():
    net, other = critic(), critic()
    for network in (net, other):
        SpectralNorm().prepare(network)
    net(torch.randn(4, 6))
    other.load_state_dict(net.state_dict())
    x = torch.randn(5, 6)
    torch.testing.assert_close(other.eval()(x), net.eval()(x))


def test_critic_without_layers_is_refused():
    with pytest.raises(InputError, match="Linear"):
        SpectralNorm().prepare(nn.ReLU())
