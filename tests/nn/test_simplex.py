import math

import pytest
import torch
from scipy import stats

from scgarage.errors import InputError
from scgarage.nn import TemperatureSchedule, alr, alr_inverse, clr, gumbel_softmax

LOGITS = torch.tensor([0.0, 1.0, -0.5, 2.0])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 5.0])
def test_largest_entry_follows_the_softmax_at_every_temperature(temperature):
    n = 8000
    drawn = gumbel_softmax(LOGITS.expand(n, 4), temperature, generator=seeded())
    torch.testing.assert_close(drawn.sum(dim=1), torch.ones(n))
    wanted = n * torch.softmax(LOGITS.double(), dim=0)
    assert stats.chisquare(drawn.argmax(dim=1).bincount(minlength=4).numpy(), wanted.numpy()).pvalue > 1e-3


def test_low_temperature_gives_one_hot_and_high_temperature_flat_vectors():
    cold = gumbel_softmax(LOGITS.expand(500, 4), 1e-3, generator=seeded())
    hot = gumbel_softmax(LOGITS.expand(500, 4), 1e3, generator=seeded())
    assert (cold.max(dim=1).values > 0.99).float().mean() > 0.98
    torch.testing.assert_close(hot, torch.full((500, 4), 0.25), atol=0.01, rtol=0)


def test_straight_through_is_exactly_one_hot_with_the_gradient_of_the_soft_vector():
    weights = torch.tensor([1.0, -2.0, 3.0, 0.5])
    gradients = []
    for straight_through in (True, False):
        logits = LOGITS.expand(50, 4).clone().requires_grad_()
        drawn = gumbel_softmax(logits, 0.7, straight_through=straight_through, generator=seeded())
        (drawn @ weights).sum().backward()
        gradients.append(logits.grad)
        if straight_through:
            assert set(drawn.detach().unique().tolist()) == {0.0, 1.0}
            assert (drawn.sum(dim=1) == 1).all()
    torch.testing.assert_close(*gradients)
    assert gradients[0].abs().sum() > 0


def test_constant_added_to_the_logits_changes_nothing():
    one, two = (gumbel_softmax(LOGITS + shift, 0.5, generator=seeded(3)) for shift in (0.0, 10.0))
    torch.testing.assert_close(one, two)


def test_temperature_must_be_positive():
    with pytest.raises(InputError, match="temperature must be positive"):
        gumbel_softmax(LOGITS, 0.0)


def test_schedules_fall_to_the_end_and_stay():
    exponential = TemperatureSchedule(2.0, 0.02, n_steps=10)
    linear = TemperatureSchedule(2.0, 0.02, n_steps=10, shape="linear")
    steps = [-1, *range(12), 10_000]
    for schedule in (exponential, linear):
        values = [schedule(step) for step in steps]
        assert values == sorted(values, reverse=True)
        assert values[0] == values[1] == 2.0
        assert values[-1] == pytest.approx(0.02)
    assert exponential(5) == pytest.approx(0.2)
    assert linear(5) == pytest.approx(1.01)


@pytest.mark.parametrize("bad", [{"start": 0.1, "end": 0.5}, {"end": 0.0}, {"n_steps": 0}, {"shape": "steps"}])
def test_bad_schedules_are_refused(bad):
    with pytest.raises(InputError):
        TemperatureSchedule(**bad)


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
