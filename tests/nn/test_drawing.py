import pytest
import torch
from scipy import stats

from scgarage.nn.distributions import gumbel_noise, logistic_noise, poisson_draw, standard_gamma


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("theta", [0.3, 1.0, 12.0])
def test_gamma_follows_scipy(theta):
    drawn = standard_gamma(torch.full((4000,), theta, dtype=torch.float64), seeded())
    assert stats.kstest(drawn.numpy(), stats.gamma(theta).cdf).pvalue > 1e-3


def test_gamma_gradient_is_that_of_the_moments():
    # E[x] = theta and E[x^2] = theta + theta^2, with derivatives 1 and 1 + 2 theta.
    theta = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    drawn = standard_gamma(theta.expand(200_000), seeded())
    (first,) = torch.autograd.grad(drawn.mean(), theta, retain_graph=True)
    (second,) = torch.autograd.grad(drawn.square().mean(), theta)
    assert first.item() == pytest.approx(1.0, rel=0.02)
    assert second.item() == pytest.approx(5.0, rel=0.02)


def test_noise_follows_scipy():
    like = torch.zeros(5000, dtype=torch.float64)
    assert stats.kstest(gumbel_noise(like, seeded()).numpy(), stats.gumbel_r.cdf).pvalue > 1e-3
    assert stats.kstest(logistic_noise(like, seeded()).numpy(), stats.logistic.cdf).pvalue > 1e-3


def test_generator_alone_decides():
    rate = torch.full((50,), 3.0)
    for draw in (poisson_draw, standard_gamma, gumbel_noise, logistic_noise):
        state = torch.get_rng_state()
        assert torch.equal(draw(rate, seeded(1)), draw(rate, seeded(1)))
        assert not torch.equal(draw(rate, seeded(1)), draw(rate, seeded(2)))
        assert torch.equal(torch.get_rng_state(), state)
        assert draw(rate, None).shape == rate.shape
