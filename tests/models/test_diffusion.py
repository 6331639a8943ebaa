"""The noise schedule against the closed form of DDPM."""

import math

import numpy as np
import pytest
import torch

from scgarage.errors import InputError
from scgarage.models.diffusion import DiffusionSchedule


def test_signal_is_the_product_and_ends_in_noise():
    linear = DiffusionSchedule(1000, "linear")
    betas = np.linspace(1e-4, 0.02, 1000)
    np.testing.assert_allclose(linear.signal, np.cumprod(1 - betas), rtol=1e-10)
    assert float(linear.signal[-1]) < 1e-4
    assert float(DiffusionSchedule(200, "cosine").signal[-1]) < 1e-4
    assert float(DiffusionSchedule(20, "cosine").signal[-1]) < 1e-4
    assert abs(float(DiffusionSchedule(100, "linear").signal[-1]) - 0.36) < 0.01  # the published schedule does not


def test_step_by_step_noise_is_the_closed_form():
    """Variance and mean after t single steps, x <- sqrt(1 - beta) x + sqrt(beta) noise, from any start."""
    schedule = DiffusionSchedule(50, "cosine")
    mean, variance = 3.0, 0.0
    for beta in schedule.betas[:30].tolist():
        mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
    steps = torch.full((200_000,), 29)
    noise = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0))
    positions = schedule.diffuse(torch.full((200_000, 1), 3.0), steps, noise)
    assert abs(float(positions.mean()) - mean) < 0.01
    assert abs(float(positions.var()) - variance) < 0.01


def test_way_back_of_a_normal_distribution_ends_in_it():
    """For data N(2, 0.5^2) the best noise prediction is known; ancestral sampling by it must give the data back."""
    schedule = DiffusionSchedule(300, "cosine")
    generator = torch.Generator().manual_seed(1)
    position = torch.randn(4000, 1, generator=generator)
    for step in reversed(range(300)):
        signal = float(schedule.signal[step])
        mean, variance = math.sqrt(signal) * 2, signal * 0.25 + 1 - signal
        noise = math.sqrt(1 - signal) * (position - mean) / variance
        centre, spread = schedule.back(position, noise, step)
        position = centre + spread * torch.randn(position.shape, generator=generator)
    assert abs(float(position.mean()) - 2) < 0.03
    assert abs(float(position.std()) - 0.5) < 0.03


def test_start_is_kept_inside_its_bounds():
    schedule = DiffusionSchedule(10)
    far, bounds = torch.full((2, 3), 1e3), (-torch.ones(3), torch.ones(3))
    mean, _ = schedule.back(far, torch.zeros(2, 3), 0, bounds=bounds)
    torch.testing.assert_close(mean, torch.ones(2, 3))


def test_last_step_adds_no_noise():
    _, spread = DiffusionSchedule(10).back(torch.zeros(2, 1), torch.zeros(2, 1), 0)
    assert spread == 0


@pytest.mark.parametrize("settings", [{"n_steps": 1}, {"shape": "square"}])
def test_settings_out_of_range(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        DiffusionSchedule(**settings)
