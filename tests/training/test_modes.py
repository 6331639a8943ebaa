"""Freezing and evaluation mode."""

from contextlib import suppress

from torch import nn

from scgarage.training.loop import Freezer, evaluating


def test_one_network_learns_at_a_time_and_all_do_afterwards():
    networks = [nn.Linear(2, 2), nn.Linear(2, 2)]
    networks[1].bias.requires_grad = False
    freezer = Freezer(networks)
    with suppress(RuntimeError), freezer.restoring():
        freezer.only(1)
        assert not networks[0].weight.requires_grad
        assert networks[1].weight.requires_grad
        assert not networks[1].bias.requires_grad
        raise RuntimeError
    assert networks[0].weight.requires_grad
    assert networks[1].weight.requires_grad
    assert not networks[1].bias.requires_grad


def test_modes_of_single_layers_come_back():
    network = nn.Sequential(nn.Dropout(), nn.Dropout())
    network[0].eval()
    with suppress(RuntimeError), evaluating([network]):
        assert not network.training
        assert not network[1].training
        raise RuntimeError
    assert [network.training, network[0].training, network[1].training] == [True, False, True]
