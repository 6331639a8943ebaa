import pytest
import torch

from scgarage.losses import R1, R2


def square(x):
    return x.square().sum(dim=1, keepdim=True) / 2  # gradient x


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
