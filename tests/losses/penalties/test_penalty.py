import pytest
import torch
from torch import nn

from scgarage.losses import PENALTIES, Penalty
from scgarage.losses.penalties import input_gradients


def critic():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))


@pytest.mark.parametrize("name", PENALTIES)
def test_hooks_train_a_critic_and_draw_from_the_generator_only(name):
    penalty = PENALTIES[name]()
    network = critic()
    penalty.prepare(network)
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
    network = critic()
    before = [p.clone() for p in network.parameters()]
    penalty = Penalty()
    penalty.prepare(network)
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
