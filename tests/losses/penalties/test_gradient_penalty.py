import pytest
import torch
from torch import nn

from scgarage.errors import InputError
from scgarage.losses import GradientPenalty

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
