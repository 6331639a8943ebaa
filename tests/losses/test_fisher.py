import pytest
import torch

from scgarage.errors import InputError
from scgarage.losses import Fisher

P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
Q = torch.tensor([0.1, 0.3, 0.6], dtype=torch.float64)
DISTANCE = ((P - Q).square() / ((P + Q) / 2)).sum().sqrt()
BEST = (P - Q) / ((P + Q) / 2) / DISTANCE


def as_cells(critic):
    return (torch.repeat_interleave(critic, (10 * shares).round().long())[:, None] for shares in (P, Q))


def test_best_critic_is_feasible_and_reaches_the_fisher_distance():
    objective = Fisher()
    real, fake = as_cells(BEST)
    assert objective.second_moment(real, fake).item() == pytest.approx(1.0)
    assert -objective.critic_loss(real, fake).item() == pytest.approx(DISTANCE.item())


def train(objective, n_steps, rate):
    critic = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    for _ in range(n_steps):
        real, fake = as_cells(critic)
        (gradient,) = torch.autograd.grad(objective.critic_loss(real, fake), critic)
        if objective.constraint == "lagrangian":
            objective = objective.updated(objective.second_moment(real, fake))
        critic = (critic - rate * gradient).detach().requires_grad_()
    return critic.detach(), objective


def test_multiplier_steps_lead_to_the_best_critic():
    critic, objective = train(Fisher(rho=0.5), n_steps=600, rate=0.2)
    torch.testing.assert_close(critic, BEST, atol=1e-4, rtol=0)
    # At the saddle point the multiplier is half the distance: d/dscale (scale F) = lambda d/dscale scale^2.
    assert float(objective.multiplier) == pytest.approx(DISTANCE.item() / 2, rel=1e-3)


def test_one_sided_penalty_leads_to_a_multiple_of_the_best_critic():
    critic, _ = train(Fisher("penalty", rho=1.0), n_steps=600, rate=0.2)
    scale = (critic @ BEST) / (BEST @ BEST)
    torch.testing.assert_close(critic, scale * BEST, atol=1e-4, rtol=0)
    # The scale s maximises s F - rho (s^2 - 1)^2 above 1, so F = 4 rho s (s^2 - 1).
    assert (4 * scale * (scale**2 - 1)).item() == pytest.approx(DISTANCE.item(), rel=1e-3)


def test_update_leaves_the_old_value_and_follows_the_equation():
    objective = Fisher(rho=0.1, multiplier=0.3)
    assert float(objective.updated(torch.tensor(1.5)).multiplier) == pytest.approx(0.3 - 0.1 * (1 - 1.5))
    assert objective.multiplier == 0.3


def test_unknown_constraint_is_refused():
    with pytest.raises(InputError, match="lagrangian"):
        Fisher("hope")
