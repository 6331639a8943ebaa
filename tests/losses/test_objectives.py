"""What every objective promises, and one oracle for each that has no file of its own."""

import dataclasses

import pytest
import torch

from scgarage.errors import InputError
from scgarage.losses import OBJECTIVES, Hinge, LeastSquares, Minimax, Relativistic, Wasserstein
from scgarage.losses.objectives import BinaryCrossEntropy


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


# Two discrete distributions: the best critic is known point by point.
P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
Q = torch.tensor([0.1, 0.3, 0.6], dtype=torch.float64)


def as_cells(critic):
    """Scores of 10 real and 10 generated cells that have exactly the shares P and Q."""
    return (torch.repeat_interleave(critic, (10 * shares).round().long())[:, None] for shares in (P, Q))


def test_best_minimax_critic_reaches_the_jensen_shannon_divergence():
    middle = (P + Q) / 2
    js = ((P * (P / middle).log()).sum() + (Q * (Q / middle).log()).sum()) / 2
    loss = Minimax().critic_loss(*as_cells((P / Q).log()))
    assert -loss.item() == pytest.approx((2 * js - torch.log(torch.tensor(4.0))).item())


def test_best_hinge_critic_reaches_the_total_variation():
    tv = (P - Q).abs().sum() / 2
    assert Hinge().critic_loss(*as_cells(torch.sign(P - Q))).item() == pytest.approx((2 - 2 * tv).item())


def test_hinge_ignores_cells_beyond_the_margin():
    real = torch.tensor([[2.0], [0.5]], requires_grad=True)
    fake = torch.tensor([[-3.0], [0.0]], requires_grad=True)
    on_real, on_fake = torch.autograd.grad(Hinge().critic_loss(real, fake), [real, fake])
    assert on_real.ravel().tolist() == [0.0, -0.5]
    assert on_fake.ravel().tolist() == [0.0, 0.5]


def test_least_squares_with_its_theoretical_targets_is_a_pearson_divergence():
    objective = LeastSquares(real_target=1.0, fake_target=-1.0, generator_target=0.0)
    best = (P - Q) / (P + Q)
    real, fake = as_cells(best)
    # 2 C(G) of the paper: the mean square under p and q together is the Pearson divergence of p + q from 2 q.
    both = objective.generator_loss(real) + objective.generator_loss(fake)
    pearson = ((2 * Q - (P + Q)).square() / (P + Q)).sum()
    assert 2 * both.item() == pytest.approx(pearson.item())
    worse = objective.critic_loss(*as_cells(best + torch.tensor([0.1, -0.1, 0.0])))
    assert objective.critic_loss(*as_cells(best)) < worse


def test_best_wasserstein_critic_reaches_the_distance():
    # On the points 0, 1, 2 the identity, with a sign, is the best 1-Lipschitz critic of a shift in one direction.
    critic = -torch.arange(3, dtype=torch.float64)
    w1 = (P.cumsum(0) - Q.cumsum(0)).abs()[:2].sum()
    assert -Wasserstein().critic_loss(*as_cells(critic)).item() == pytest.approx(w1.item())


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
