import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from torch import nn

from scgarage.errors import InputError
from scgarage.losses import F_DIVERGENCES, FGAN


def ratios():
    return torch.logspace(-3, 3, 61, dtype=torch.float64)


def points(divergence, n=41):
    """Points inside the domain of the conjugate."""
    low, high = divergence.domain
    return torch.linspace(max(low, -4.0), min(high, 4.0), n + 2, dtype=torch.float64)[1:-1]


each = pytest.mark.parametrize("divergence", F_DIVERGENCES.values(), ids=F_DIVERGENCES)


@each
def test_fenchel_young_inequality(divergence):
    u, t = ratios()[:, None], points(divergence)[None, :]
    gap = divergence.f(u) + divergence.conjugate(t) - u * t
    assert gap.min().item() > -1e-9


@each
def test_equality_at_the_derivative(divergence):
    u = ratios()[ratios() != 1]
    t = divergence.derivative(u)
    torch.testing.assert_close(divergence.f(u) + divergence.conjugate(t), u * t, rtol=1e-7, atol=1e-9)


@each
def test_conjugate_is_the_supremum(divergence):
    for t in points(divergence, n=9).tolist():

        def negative(log_u, t=t):
            u = torch.tensor(math.exp(log_u), dtype=torch.float64)
            return (divergence.f(u) - u * t).item()

        found = minimize_scalar(negative, bounds=(-25.0, 8.0), method="bounded", options={"xatol": 1e-9})
        expected = divergence.conjugate(torch.tensor(t, dtype=torch.float64)).item()
        assert -found.fun == pytest.approx(expected, abs=1e-6)


@each
def test_derivative_is_that_of_the_function(divergence):
    u = ratios()[ratios() != 1].requires_grad_()
    (slope,) = torch.autograd.grad(divergence.f(u).sum(), u)
    torch.testing.assert_close(divergence.derivative(u.detach()), slope)


@each
def test_function_is_convex_and_zero_at_one(divergence):
    u = torch.linspace(0.01, 9.0, 500, dtype=torch.float64)
    values = divergence.f(u)
    assert (values[:-2] + values[2:] - 2 * values[1:-1]).min().item() > -1e-12
    at_one = -math.log(4) if divergence is F_DIVERGENCES["gan"] else 0.0
    assert divergence.f(torch.ones((), dtype=torch.float64)).item() == pytest.approx(at_one)


@each
def test_activation_stays_in_the_domain_and_both_formulas_agree(divergence):
    v = torch.linspace(-5, 5, 101, dtype=torch.float64)
    t = divergence.activation(v)
    low, high = divergence.domain
    if divergence is not F_DIVERGENCES["pearson"]:  # its parabola is used outside too
        assert (t >= low).all()
        assert (t <= high).all()
    assert (torch.diff(t) > 0).all()
    torch.testing.assert_close(divergence.conjugate_of_activation(v), divergence.conjugate(t), rtol=1e-6, atol=1e-9)


def test_parabola_of_pearson_lies_above_its_conjugate():
    t = torch.linspace(-6, -2, 50, dtype=torch.float64)
    assert (F_DIVERGENCES["pearson"].conjugate(t) >= -1).all()
    u = torch.linspace(0, 9, 500, dtype=torch.float64)[:, None]
    assert (u * t - F_DIVERGENCES["pearson"].f(u)).max().item() == pytest.approx(-1.0)


def test_extreme_outputs_of_the_critic_stay_finite_in_float32():
    v = torch.tensor([-80.0, 80.0])
    for name in ("jensen-shannon", "gan", "total-variation", "reverse-kl"):
        assert torch.isfinite(F_DIVERGENCES[name].conjugate_of_activation(v)).all()


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
