import torch
from torch import nn

from scgarage.nn import mlp


def test_layers_and_activations():
    net = mlp(3, [8, 5], 2, activation=nn.Tanh)
    assert [type(layer) for layer in net] == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    assert net(torch.randn(4, 3)).shape == (4, 2)


def test_every_parameter_gets_a_gradient():
    net = mlp(3, [8], 2)
    net(torch.randn(16, 3)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_without_hidden_layers_it_is_linear():
    net = mlp(3, [], 2)
    x = torch.randn(5, 3)
    torch.testing.assert_close(net(2 * x) - net(torch.zeros(5, 3)), 2 * (net(x) - net(torch.zeros(5, 3))))
