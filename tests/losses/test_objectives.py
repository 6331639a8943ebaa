"""What every objective promises, and one oracle for each that has no file of its own."""

import dataclasses

import pytest
import torch

from scgarage.errors import InputError
from scgarage.losses import (
    BEGAN,
    OBJECTIVES,
    BinaryCrossEntropy,
    Fisher,
    Hinge,
    LeastSquares,
    Minimax,
    Relativistic,
    Wasserstein,
    reconstruction_error,
)


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


def test_losses_equal_the_textbook_form():
    real, fake = torch.randn(7, 1), torch.randn(7, 1)
    objective = BinaryCrossEntropy()
    d_real, d_fake = torch.sigmoid(real), torch.sigmoid(fake)
    critic = -(d_real.log().mean() + (1 - d_fake).log().mean())
    torch.testing.assert_close(objective.critic_loss(real, fake), critic)
    torch.testing.assert_close(objective.generator_loss(fake), -d_fake.log().mean())


def test_smoothed_optimum_lies_at_the_smoothed_label():
    objective = BinaryCrossEntropy(real_label=0.9, fake_label=0.1)
    logits = torch.linspace(-4, 4, 801)
    on_real = torch.stack([objective.critic_loss(x.view(1, 1), torch.zeros(1, 1)) for x in logits])
    assert torch.sigmoid(logits[on_real.argmin()]) == pytest.approx(0.9, abs=1e-3)
    on_fake = torch.stack([objective.critic_loss(torch.zeros(1, 1), x.view(1, 1)) for x in logits])
    assert torch.sigmoid(logits[on_fake.argmin()]) == pytest.approx(0.1, abs=1e-3)


def test_generator_gradient_does_not_vanish_for_rejected_cells():
    logits = torch.full((1, 1), -20.0, requires_grad=True)
    BinaryCrossEntropy().generator_loss(logits).backward()
    assert logits.grad.item() == pytest.approx(-1.0, abs=1e-6)


def test_smoothed_best_critic_is_the_mixture_of_the_labels():
    # Two points with densities p and q; the best logit is found by descent and compared with the closed form.
    p, q = torch.tensor([0.8, 0.2], dtype=torch.float64), torch.tensor([0.3, 0.7], dtype=torch.float64)
    logits = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    objective = BinaryCrossEntropy(real_label=0.9, fake_label=0.1)
    optimizer = torch.optim.LBFGS([logits], max_iter=100)

    def closure():
        optimizer.zero_grad()
        real, fake = (torch.repeat_interleave(logits, (10 * shares).round().long()) for shares in (p, q))
        loss = objective.critic_loss(real, fake)
        loss.backward()
        return loss

    optimizer.step(closure)
    torch.testing.assert_close(torch.sigmoid(logits.detach()), (0.9 * p + 0.1 * q) / (p + q), atol=1e-4, rtol=0)


P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
Q = torch.tensor([0.1, 0.3, 0.6], dtype=torch.float64)
DISTANCE = ((P - Q).square() / ((P + Q) / 2)).sum().sqrt()
BEST = (P - Q) / ((P + Q) / 2) / DISTANCE


def as_cells_fisher(critic):
    return (torch.repeat_interleave(critic, (10 * shares).round().long())[:, None] for shares in (P, Q))


def test_best_critic_is_feasible_and_reaches_the_fisher_distance():
    objective = Fisher()
    real, fake = as_cells_fisher(BEST)
    assert objective.second_moment(real, fake).item() == pytest.approx(1.0)
    assert -objective.critic_loss(real, fake).item() == pytest.approx(DISTANCE.item())


def train(objective, n_steps, rate):
    critic = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    for _ in range(n_steps):
        real, fake = as_cells_fisher(critic)
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


def scores(n_cells=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = torch.rand(2, n_cells, 1, generator=generator, dtype=torch.float64) + torch.tensor([[[0.5]], [[0.0]]])
    return draw[0].requires_grad_(), draw[1].requires_grad_()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_are_finite_scalars_with_gradients(name):
    objective = OBJECTIVES[name]()
    if name == "began":
        objective = dataclasses.replace(objective, k=0.5)
    real, fake = scores()
    critic = objective.critic_loss(real, fake)
    gradients = torch.autograd.grad(critic, [real, fake])
    assert critic.shape == ()
    assert torch.isfinite(critic)
    assert all(torch.isfinite(g).all() and g.abs().sum() > 0 for g in gradients)
    generator = objective.generator_loss(fake, real)
    (gradient,) = torch.autograd.grad(generator, fake)
    assert generator.shape == ()
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("name", OBJECTIVES)
def test_order_of_cells_does_not_matter(name):
    objective = OBJECTIVES[name]()
    real, fake = scores()
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(objective.critic_loss(real, fake), objective.critic_loss(real[order], fake[order]))
    torch.testing.assert_close(objective.generator_loss(fake, real), objective.generator_loss(fake[order], real[order]))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_real_scores_are_needed_as_declared(name):
    objective = OBJECTIVES[name]()
    _, fake = scores()
    if objective.needs_real_scores:
        with pytest.raises(InputError, match="second argument"):
            objective.generator_loss(fake)
    else:
        assert torch.isfinite(objective.generator_loss(fake))


SCALAR = sorted(set(OBJECTIVES) - {"began", "mmd"})


@pytest.mark.parametrize("name", SCALAR)
def test_critic_separates_and_generator_climbs(name):
    # BEGAN scores errors and the MMD has no direction; for all others higher means more real.
    objective = OBJECTIVES[name]()
    real, fake = (0 * side.detach() + 0.1 for side in scores())
    real.requires_grad_()
    fake.requires_grad_()
    on_real, on_fake = torch.autograd.grad(objective.critic_loss(real, fake), [real, fake])
    assert (on_real < 0).all()
    assert (on_fake > 0).all()
    (upwards,) = torch.autograd.grad(objective.generator_loss(fake, real), fake)
    assert (upwards < 0).all()


def test_saturating_gradient_vanishes_where_the_other_does_not():
    for logit in (-20.0, 0.0, 3.0):
        fake = torch.full((1, 1), logit, requires_grad=True, dtype=torch.float64)
        d = torch.sigmoid(fake).item()
        (saturating,) = torch.autograd.grad(Minimax().generator_loss(fake), fake)
        (other,) = torch.autograd.grad(BinaryCrossEntropy().generator_loss(fake), fake)
        assert saturating.item() == pytest.approx(-d)
        assert other.item() == pytest.approx(-(1 - d))
    rejected = torch.full((1, 1), -20.0, requires_grad=True, dtype=torch.float64)
    (saturating,) = torch.autograd.grad(Minimax().generator_loss(rejected), rejected)
    assert saturating.abs().item() < 1e-8


def test_minimax_is_a_zero_sum_game():
    real, fake = scores()
    value = Minimax().critic_loss(real, fake)
    only_real = -torch.log(torch.sigmoid(real)).mean()
    torch.testing.assert_close(-(value - only_real), Minimax().generator_loss(fake))
    torch.testing.assert_close(value, BinaryCrossEntropy().critic_loss(real, fake))


def as_cells_objectives(critic):
    """Scores of 10 real and 10 generated cells that have exactly the shares P and Q."""
    return (torch.repeat_interleave(critic, (10 * shares).round().long())[:, None] for shares in (P, Q))


def test_best_minimax_critic_reaches_the_jensen_shannon_divergence():
    middle = (P + Q) / 2
    js = ((P * (P / middle).log()).sum() + (Q * (Q / middle).log()).sum()) / 2
    loss = Minimax().critic_loss(*as_cells_objectives((P / Q).log()))
    assert -loss.item() == pytest.approx((2 * js - torch.log(torch.tensor(4.0))).item())


def test_best_hinge_critic_reaches_the_total_variation():
    tv = (P - Q).abs().sum() / 2
    assert Hinge().critic_loss(*as_cells_objectives(torch.sign(P - Q))).item() == pytest.approx((2 - 2 * tv).item())


def test_hinge_ignores_cells_beyond_the_margin():
    real = torch.tensor([[2.0], [0.5]], requires_grad=True)
    fake = torch.tensor([[-3.0], [0.0]], requires_grad=True)
    on_real, on_fake = torch.autograd.grad(Hinge().critic_loss(real, fake), [real, fake])
    assert on_real.ravel().tolist() == [0.0, -0.5]
    assert on_fake.ravel().tolist() == [0.0, 0.5]


def test_least_squares_with_its_theoretical_targets_is_a_pearson_divergence():
    objective = LeastSquares(real_target=1.0, fake_target=-1.0, generator_target=0.0)
    best = (P - Q) / (P + Q)
    real, fake = as_cells_objectives(best)
    # 2 C(G) of the paper: the mean square under p and q together is the Pearson divergence of p + q from 2 q.
    both = objective.generator_loss(real) + objective.generator_loss(fake)
    pearson = ((2 * Q - (P + Q)).square() / (P + Q)).sum()
    assert 2 * both.item() == pytest.approx(pearson.item())
    worse = objective.critic_loss(*as_cells_objectives(best + torch.tensor([0.1, -0.1, 0.0])))
    assert objective.critic_loss(*as_cells_objectives(best)) < worse


def test_best_wasserstein_critic_reaches_the_distance():
    # On the points 0, 1, 2 the identity, with a sign, is the best 1-Lipschitz critic of a shift in one direction.
    critic = -torch.arange(3, dtype=torch.float64)
    w1 = (P.cumsum(0) - Q.cumsum(0)).abs()[:2].sum()
    assert -Wasserstein().critic_loss(*as_cells_objectives(critic)).item() == pytest.approx(w1.item())


def test_relativistic_losses_see_differences_only_and_mirror_each_other():
    real, fake = scores()
    objective = Relativistic()
    torch.testing.assert_close(objective.critic_loss(real + 7, fake + 7), objective.critic_loss(real, fake))
    torch.testing.assert_close(objective.critic_loss(real, fake), objective.generator_loss(real, fake))
    expected = -torch.log(torch.sigmoid(real - fake)).mean()
    torch.testing.assert_close(objective.critic_loss(real, fake), expected)


def test_relativistic_losses_refuse_unequal_batches():
    with pytest.raises(InputError, match=r"row by row.*\(3, 1\) and \(4, 1\)"):
        Relativistic().critic_loss(torch.zeros(4, 1), torch.zeros(3, 1))
