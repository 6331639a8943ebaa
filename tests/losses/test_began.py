import pytest
import torch

from scgarage.errors import InputError
from scgarage.losses import BEGAN, reconstruction_error


def test_losses_and_state_follow_the_published_equations():
    real, fake = torch.tensor([[1.0], [3.0]]), torch.tensor([[0.5], [0.7]])  # means 2.0 and 0.6
    objective = BEGAN(gamma=0.5, rate=0.1, k=0.2)
    assert objective.critic_loss(real, fake).item() == pytest.approx(2.0 - 0.2 * 0.6)
    assert objective.generator_loss(fake).item() == pytest.approx(0.6)
    assert float(objective.updated(real, fake).k) == pytest.approx(0.2 + 0.1 * (0.5 * 2.0 - 0.6))
    assert objective.convergence(real, fake).item() == pytest.approx(2.0 + abs(0.5 * 2.0 - 0.6))


def test_state_is_clipped_and_the_old_value_stays():
    objective = BEGAN(rate=10.0)
    high, low = torch.tensor(5.0), torch.tensor(0.0)
    assert float(objective.updated(high, low).k) == 1.0
    assert float(objective.updated(low, high).k) == 0.0
    assert objective.k == 0.0


def test_balance_is_found_at_the_wanted_ratio():
    # A critic that shows generated cells the more mercy the larger k is: the fixed point has L(G) = gamma L(x).
    objective = BEGAN(gamma=0.4, rate=0.05)
    real = torch.tensor(1.0)
    for _ in range(400):
        fake = 0.2 + 0.8 * torch.as_tensor(objective.k)
        objective = objective.updated(real, fake)
    assert float(fake) == pytest.approx(0.4, abs=1e-3)
    assert objective.convergence(real, fake).item() == pytest.approx(1.0, abs=1e-3)


def test_state_carries_no_gradient():
    real, fake = torch.ones(2, 1, requires_grad=True), torch.ones(2, 1, requires_grad=True)
    assert not BEGAN().updated(real, fake).k.requires_grad


def test_reconstruction_error_is_the_mean_absolute_difference_of_each_cell():
    cells, back = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[0.0, 4.0], [0.0, 0.0]])
    assert reconstruction_error(cells, back).tolist() == [[1.5], [0.0]]


def test_ratio_outside_the_unit_interval_is_refused():
    with pytest.raises(InputError, match="gamma"):
        BEGAN(gamma=1.5)
