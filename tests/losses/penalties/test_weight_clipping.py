import pytest
import torch
from torch import nn

from scgarage.errors import InputError
from scgarage.losses import WeightClipping


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
