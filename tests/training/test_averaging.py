"""The moving average of weights and buffers."""

import math
from contextlib import suppress

import pytest
import torch
from torch import nn

from scgarage.training.loop import BestWeights, MovingAverage


class WithTables(nn.Module):
    """A float parameter and buffers of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("genes", torch.arange(1000))
        self.register_buffer("mask", torch.tensor([True, False]))


def test_floats_are_averaged_and_whole_numbers_copied():
    network = WithTables()
    average = MovingAverage(network, 0.9)
    for value in (1.0, 2.0, 4.0):
        with torch.no_grad():
            network.weight.fill_(value)
            network.mean.fill_(-value)
        average.update()
    expected = 0.9 * (0.9 * 1.0 + 0.1 * 2.0) + 0.1 * 4.0
    held = average.model.module
    assert held.weight.tolist() == pytest.approx([expected] * 2)
    assert held.mean.tolist() == pytest.approx([-expected] * 2)
    assert torch.equal(held.genes, torch.arange(1000))
    assert torch.equal(held.mask, network.mask)


def test_average_of_constant_weights_is_exact():
    network = nn.Linear(50, 50)
    average = MovingAverage(network, 0.999)
    for _ in range(50):
        average.update()
    assert torch.equal(average.model.module.weight, network.weight)


def test_weights_come_back_after_the_block_even_after_an_error():
    network = nn.Linear(2, 1)
    average = MovingAverage(network, 0.5)
    average.update()
    held = network.weight.clone()
    with torch.no_grad():
        network.weight.add_(1)
    now = network.weight.clone()
    with suppress(RuntimeError), average.in_place():
        assert torch.equal(network.weight, held)
        raise RuntimeError
    assert torch.equal(network.weight, now)


def test_best_score_is_strict_and_counts_stale_scores():
    best = BestWeights()
    answers = [best.is_beaten_by(score, step) for step, score in enumerate([2.0, 2.0, math.inf, 1.0, 3.0])]
    assert answers == [True, False, False, True, False]
    assert (best.score, best.step, best.stale) == (1.0, 3, 1)
