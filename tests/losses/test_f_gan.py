import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import nn

from scgarage.errors import InputError
from scgarage.losses import F_DIVERGENCES, FGAN

REAL, FAKE = norm(0.0, 1.0), norm(0.7, 1.2)
MEAN, SD = 0.7, 1.2


def integral(name):
    """The divergence of REAL from FAKE by numerical integration of its definition."""
    f = F_DIVERGENCES[name].f

    def integrand(x):
        return FAKE.pdf(x) * f(torch.tensor(REAL.pdf(x) / FAKE.pdf(x), dtype=torch.float64)).item()

    return quad(integrand, -9, 9, limit=200)[0]


def closed_forms():
    affinity = math.sqrt(2 * SD / (1 + SD**2)) * math.exp(-(MEAN**2) / (4 * (1 + SD**2)))
    return {
        "kl": math.log(SD) + (1 + MEAN**2) / (2 * SD**2) - 0.5,
        "reverse-kl": -math.log(SD) + (SD**2 + MEAN**2) / 2 - 0.5,
        "squared-hellinger": 2 - 2 * affinity,
        "pearson": SD**2 / math.sqrt(2 * SD**2 - 1) * math.exp(MEAN**2 / (2 * SD**2 - 1)) - 1,
    }


@pytest.mark.parametrize("name", closed_forms())
def test_integrals_equal_closed_forms(name):
    assert integral(name) == pytest.approx(closed_forms()[name], rel=1e-6)


def quantiles(distribution, n=1500):
    return torch.tensor(distribution.ppf((np.arange(n) + 0.5) / n), dtype=torch.float32)[:, None]


def exact_bound(objective, critic):
    """The bound with expectations by integration, so that a critic cannot profit from few cells."""
    x = torch.linspace(-9, 9, 6001)[:, None]
    divergence = F_DIVERGENCES[objective.divergence]
    with torch.no_grad():
        v = critic(x).double()
    on_real, on_fake = divergence.activation(v), divergence.conjugate_of_activation(v)
    p, q = (torch.tensor(d.pdf(x.numpy())) for d in (REAL, FAKE))
    return torch.trapezoid((p * on_real - q * on_fake).ravel(), x.ravel().double()).item()


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_trained_bound_approaches_the_divergence_from_below(name):
    objective = FGAN(name)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        critic = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2)
    real, fake = quantiles(REAL), quantiles(FAKE)
    before = exact_bound(objective, critic)
    for _ in range(250):
        optimizer.zero_grad()
        objective.critic_loss(critic(real), critic(fake)).backward()
        optimizer.step()
    after, truth = exact_bound(objective, critic), integral(name)
    # Relative to the divergence above its smallest value, which is f(1).
    lowest = F_DIVERGENCES[name].f(torch.ones((), dtype=torch.float64)).item()
    assert before < after <= truth + 1e-4
    assert (after - lowest) / (truth - lowest) > 0.95


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_no_critic_proves_more_than_the_divergence(name):
    generator = torch.Generator().manual_seed(0)
    objective = FGAN(name)
    truth = integral(name)
    for _ in range(20):
        a, b, c = torch.randn(3, generator=generator)
        assert exact_bound(objective, lambda x, a=a, b=b, c=c: torch.tanh(a * x + b) + c) <= truth + 1e-6


def test_best_critic_reaches_the_divergence_exactly():
    def critic(x):
        return torch.tensor(REAL.logpdf(x.numpy()) - FAKE.logpdf(x.numpy()))

    assert exact_bound(FGAN("gan"), critic) == pytest.approx(integral("gan"), rel=1e-4)
    assert exact_bound(FGAN("kl"), lambda x: 1 + critic(x)) == pytest.approx(integral("kl"), rel=1e-4)
    assert exact_bound(FGAN("jensen-shannon"), critic) == pytest.approx(integral("gan") + math.log(4), rel=1e-4)


def test_generator_minimises_the_bound_when_saturating_and_climbs_otherwise():
    fake = torch.full((3, 1), -15.0, requires_grad=True)
    (saturating,) = torch.autograd.grad(FGAN("gan", saturating=True).generator_loss(fake), fake)
    (other,) = torch.autograd.grad(FGAN("gan").generator_loss(fake), fake)
    assert saturating.abs().max() < 1e-6
    assert other.sum().item() == pytest.approx(-1.0, abs=1e-5)
    real = torch.ones(3, 1)
    bound = FGAN("pearson").bound(real, fake)
    torch.testing.assert_close(
        FGAN("pearson", saturating=True).generator_loss(fake), bound - F_DIVERGENCES["pearson"].activation(real).mean()
    )


def test_unknown_divergence_is_refused():
    with pytest.raises(InputError, match=r"'kl'.*found 'wasserstein'"):
        FGAN("wasserstein")
