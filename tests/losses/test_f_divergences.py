import math

import pytest
import torch
from scipy.optimize import minimize_scalar

from scgarage.losses import F_DIVERGENCES


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
