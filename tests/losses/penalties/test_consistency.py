import pytest
import torch

from scgarage.errors import InputError
from scgarage.losses import Consistency


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
