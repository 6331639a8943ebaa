import math

import pytest
import torch

from scgarage.errors import InputError
from scgarage.nn import alr, alr_inverse, clr


def compositions(n=20, p=6, seed=0):
    raw = torch.rand(n, p, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 1e-3
    return raw / raw.sum(dim=1, keepdim=True)


def closed(x):
    return x / x.sum(dim=-1, keepdim=True)


def aitchison_distance(x, y):
    """By the definition with all pairs of parts."""
    p = x.shape[1]
    logs_x, logs_y = (torch.log(z[:, :, None] / z[:, None, :]) for z in (x, y))
    return ((logs_x - logs_y).square().sum(dim=(1, 2)) / (2 * p)).sqrt()


def test_inverse_is_exact_both_ways():
    x = compositions()
    torch.testing.assert_close(alr_inverse(alr(x)), x, rtol=1e-12, atol=1e-14)
    y = torch.linspace(-30, 30, 25, dtype=torch.float64).reshape(5, 5)
    torch.testing.assert_close(alr(alr_inverse(y)), y, rtol=1e-10, atol=1e-10)


def test_known_values():
    y = alr(torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64))
    assert y.ravel().tolist() == pytest.approx([math.log(2.5), math.log(1.5)])


def test_factor_of_a_row_changes_nothing():
    x = compositions()
    torch.testing.assert_close(alr(7 * x), alr(x))
    torch.testing.assert_close(clr(7 * x), clr(x))


def test_perturbation_becomes_addition_and_powering_multiplication():
    x, z = compositions(seed=0), compositions(seed=1)
    torch.testing.assert_close(alr(closed(x * z)), alr(x) + alr(z))
    torch.testing.assert_close(alr(closed(x**2.5)), 2.5 * alr(x))


def test_centred_log_ratio_is_an_isometry_and_the_additive_is_not():
    x, z = compositions(seed=0), compositions(seed=1)
    truth = aitchison_distance(x, z)
    torch.testing.assert_close((clr(x) - clr(z)).norm(dim=1), truth)
    additive = (alr(x) - alr(z)).norm(dim=1)
    assert ((additive - truth).abs() / truth).max() > 0.2
    torch.testing.assert_close(torch.softmax(clr(x), dim=1), x)


def test_proportions_of_zero_are_refused():
    for transform in (alr, clr):
        with pytest.raises(InputError, match=r"found 2 .* pseudo-count"):
            transform(torch.tensor([[0.0, 0.5, 0.5], [1.0, float("nan"), 0.2]]))
