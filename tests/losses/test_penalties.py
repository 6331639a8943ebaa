import pytest
import torch
from torch import nn

from scgarage.errors import InputError
from scgarage.losses import (
    PENALTIES,
    R1,
    R2,
    Consistency,
    GradientPenalty,
    Penalty,
    SpectralNorm,
    Wasserstein,
    WeightClipping,
)
from scgarage.losses.penalties import input_gradients


def total(x):
    return x.sum(dim=1, keepdim=True)


def test_expected_penalty_of_the_total_has_a_closed_form():
    # A total over g ones loses Binomial(g, p): E[loss^2] = g p (1 - p) + (g p)^2.
    g, p = 20, 0.1
    real = torch.ones(20_000, g)
    value = Consistency(weight=2.0, dropped=p).loss(total, real, real, generator=torch.Generator().manual_seed(0))
    assert value.item() == pytest.approx(2 * (g * p * (1 - p) + (g * p) ** 2), rel=0.03)


def test_critic_that_does_not_look_pays_nothing():
    assert Consistency().loss(lambda x: 0 * total(x), torch.rand(5, 3), torch.rand(5, 3)).item() == 0
    assert Consistency(dropped=0.0, fake_weight=1.0).loss(total, torch.rand(5, 3), torch.rand(5, 3)).item() == 0


def test_generated_cells_count_when_balanced():
    real, fake = torch.zeros(50, 10), torch.ones(50, 10)
    assert Consistency().loss(total, real, fake).item() == 0
    assert Consistency(fake_weight=1.0).loss(total, real, fake).item() > 0


@pytest.mark.parametrize("dropped", [-0.1, 1.0])
def test_share_outside_the_unit_interval_is_refused(dropped):
    with pytest.raises(InputError, match="share of values"):
        Consistency(dropped=dropped)


WEIGHTS = torch.tensor([3.0, 0.0, -4.0])  # norm 5


def linear(x):
    return x @ WEIGHTS[:, None]


def cells(seed, n=8):
    return torch.rand(n, 3, generator=torch.Generator().manual_seed(seed))


def test_linear_critic_pays_for_its_norm():
    assert GradientPenalty().loss(linear, cells(0), cells(1)).item() == pytest.approx(10 * (5 - 1) ** 2, rel=1e-5)
    assert GradientPenalty(weight=2, norm=5.0).loss(linear, cells(0), cells(1)).item() == pytest.approx(0, abs=1e-9)


def test_one_sided_penalty_lets_flat_critics_be():
    def flat(x):
        return linear(x) / 50  # norm 0.1

    assert GradientPenalty(weight=1.0).loss(flat, cells(0), cells(1)).item() == pytest.approx(0.81, rel=1e-5)
    assert GradientPenalty(one_sided=True).loss(flat, cells(0), cells(1)).item() == 0
    assert GradientPenalty(1.0, one_sided=True).loss(linear, cells(0), cells(1)).item() == pytest.approx(16, rel=1e-5)


def test_gradient_is_taken_between_the_two_cells():
    seen = []

    def spy(x):
        seen.append(x.detach())
        return x.sum(dim=1, keepdim=True)

    real, fake = torch.zeros(500, 2), torch.ones(500, 2) * torch.tensor([1.0, 3.0])
    GradientPenalty().loss(spy, real, fake, generator=torch.Generator().manual_seed(0))
    points = seen[0]
    torch.testing.assert_close(points[:, 1], 3 * points[:, 0])  # on the line between the two
    share = points[:, 0]
    assert share.min() >= 0
    assert share.max() <= 1
    assert share.var().item() == pytest.approx(1 / 12, rel=0.15)


def test_training_on_the_penalty_gives_norm_one():
    layer = nn.Linear(3, 1, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.02)
    for step in range(60):
        optimizer.zero_grad()
        GradientPenalty().loss(layer, cells(step), cells(step + 1)).backward()
        optimizer.step()
    assert layer.weight.norm().item() == pytest.approx(1.0, abs=1e-3)


def test_sides_do_not_matter_for_a_critic_whose_slope_is_even():
    def bowl(x):
        return (x - 0.5).square().sum(dim=1, keepdim=True)

    real, fake = cells(0, n=4000), cells(1, n=4000)
    there, back = (
        GradientPenalty().loss(bowl, *pair, generator=torch.Generator().manual_seed(0))
        for pair in ((real, fake), (fake, real))
    )
    assert there.item() == pytest.approx(back.item(), rel=0.05)


def test_unequal_batches_are_refused():
    with pytest.raises(InputError, match=r"\(8, 3\) and \(5, 3\)"):
        GradientPenalty().loss(linear, cells(0), cells(1, n=5))


def critic_penalty():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))


@pytest.mark.parametrize("name", PENALTIES)
def test_hooks_train_a_critic_and_draw_from_the_generator_only(name):
    penalty = PENALTIES[name]()
    network = critic_penalty()
    penalty.apply_to(network)
    real, fake = torch.rand(10, 4), torch.rand(10, 4)
    state = torch.get_rng_state()
    one, two = (penalty.loss(network.eval(), real, fake, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(one, two)
    assert one.shape == ()
    assert one.item() >= 0
    (network(real).mean() + one).backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
    penalty.after_step(network)
    assert torch.isfinite(network(real)).all()


def test_base_changes_nothing():
    network = critic_penalty()
    before = [p.clone() for p in network.parameters()]
    penalty = Penalty()
    penalty.apply_to(network)
    penalty.after_step(network)
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert penalty.loss(network, torch.rand(3, 4), torch.rand(3, 4)).item() == 0


def test_input_gradients_are_those_of_each_cell_alone():
    cells = torch.rand(5, 3, dtype=torch.float64)
    gradients = input_gradients(lambda x: (x**3).sum(dim=1, keepdim=True), cells)
    torch.testing.assert_close(gradients.detach(), 3 * cells**2)
    assert not cells.requires_grad


def test_input_gradients_work_inside_no_grad():
    with torch.no_grad():
        gradients = input_gradients(lambda x: (2 * x).sum(dim=1), torch.rand(5, 3))
    torch.testing.assert_close(gradients.detach(), torch.full((5, 3), 2.0))


def square(x):
    return x.square().sum(dim=1, keepdim=True) / 2  # gradient x


def test_penalty_is_the_mean_squared_gradient_on_real_cells():
    real = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    assert R1(gamma=2.0).loss(square, real, torch.full((2, 2), 99.0)).item() == pytest.approx((25 + 1) / 2)


def test_order_does_not_matter_and_weight_scales():
    real, fake = torch.rand(6, 2), torch.rand(6, 2)
    torch.testing.assert_close(R1().loss(square, real.flip(0), fake), R1().loss(square, real, fake))
    torch.testing.assert_close(R1(gamma=30.0).loss(square, real, fake), 3 * R1().loss(square, real, fake))


def test_penalty_trains_the_critic_not_the_cells():
    slope = torch.ones(2, requires_grad=True)
    real = torch.rand(4, 2, requires_grad=True)
    R1(gamma=1.0).loss(lambda x: (x * slope).sum(dim=1), real, real).backward()
    assert slope.grad.tolist() == pytest.approx([1.0, 1.0])
    assert real.grad is None


def test_penalty_is_the_mean_squared_gradient_on_generated_cells():
    fake = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    assert R2(gamma=2.0).loss(square, torch.full((2, 2), 99.0), fake).item() == pytest.approx((25 + 1) / 2)


def test_it_is_r1_with_the_sides_changed():
    real, fake = torch.rand(6, 2), torch.rand(6, 2)
    torch.testing.assert_close(R2(3.0).loss(square, real, fake), R1(3.0).loss(square, fake, real))


def test_generator_gets_no_gradient():
    slope = torch.ones(2, requires_grad=True)
    fake = torch.rand(4, 2, requires_grad=True)
    R2().loss(lambda x: (x * slope).square().sum(dim=1), fake.detach(), fake).backward()
    assert slope.grad.abs().sum() > 0
    assert fake.grad is None


def critic_spectral_norm(activation=nn.ReLU):
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
    SpectralNorm().apply_to(net)
    for _ in range(n_steps):
        net(torch.zeros(2, 6))
    return net.eval().double()


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, lambda: nn.LeakyReLU(0.2)])
def test_measured_lipschitz_constant_is_at_most_one(activation):
    assert steepest(critic_spectral_norm(activation).double()) > 1.5  # the same weights, not normalised
    net = warmed(critic_spectral_norm(activation))
    assert steepest(net) <= 1 + 1e-3
    sizes = [torch.linalg.matrix_norm(layer.weight.detach(), ord=2).item() for layer in net[::2]]
    assert sizes == pytest.approx([1.0, 1.0, 1.0], abs=1e-3)


def test_constant_stays_bounded_while_weights_move():
    net = critic_spectral_norm()
    SpectralNorm().apply_to(net)
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
    net = critic_spectral_norm()
    SpectralNorm().apply_to(net)
    keys = set(net.state_dict())
    SpectralNorm().apply_to(net)
    assert set(net.state_dict()) == keys


def test_normalised_weights_survive_a_state_dict():
    net, other = critic_spectral_norm(), critic_spectral_norm()
    for network in (net, other):
        SpectralNorm().apply_to(network)
    net(torch.randn(4, 6))
    other.load_state_dict(net.state_dict())
    x = torch.randn(5, 6)
    torch.testing.assert_close(other.eval()(x), net.eval()(x))


def test_critic_without_layers_is_refused():
    with pytest.raises(InputError, match="Linear"):
        SpectralNorm().apply_to(nn.ReLU())


def test_parameters_beyond_the_limit_are_cut_and_others_stay():
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.5, -0.003]]))
        layer.bias.fill_(-2.0)
    WeightClipping().after_step(layer)
    assert layer.weight.tolist() == [[pytest.approx(0.01), pytest.approx(-0.003)]]
    assert layer.bias.item() == pytest.approx(-0.01)


def test_slope_is_bounded_by_the_size_of_the_network():
    critic = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 1))
    nn.init.normal_(critic[0].weight, std=10)
    WeightClipping(limit=0.1).after_step(critic)
    x, y = torch.randn(500, 5), torch.randn(500, 5)
    slopes = (critic(x) - critic(y)).abs().ravel() / (x - y).norm(dim=1)
    assert slopes.max().item() <= 0.1**2 * (5 * 16) ** 0.5 * 16**0.5


def test_limit_that_is_not_positive_is_refused():
    with pytest.raises(InputError, match="positive"):
        WeightClipping(limit=0.0)


def test_a_penalty_written_for_the_version_before_still_changes_the_critic():
    class Halved(Penalty):
        def prepare(self, critic):
            torch.nn.init.constant_(critic.weight, 0.5)

    critic = torch.nn.Linear(2, 1)
    with pytest.warns(DeprecationWarning, match="Halved.prepare is now apply_to"):
        Halved().apply_to(critic)
    assert (critic.weight == 0.5).all()
