import pytest
import torch

from scgarage.losses import R1


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
