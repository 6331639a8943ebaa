import pytest
import torch

from scgarage.errors import InputError
from scgarage.nn import CategoricalHead, TemperatureSchedule


def test_letters_follow_their_logits():
    head = CategoricalHead(2, 3)
    wanted = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    raw = wanted.log().reshape(1, 6).expand(20_000, 6)
    output = head(raw, generator=torch.Generator().manual_seed(0))
    assert output.shape == (20_000, 2, 3)
    torch.testing.assert_close(output.mean(dim=0), wanted, atol=0.015, rtol=0)


def test_codes_and_counts_name_the_letter():
    soft = torch.tensor([[[0.2, 0.7, 0.1], [0.5, 0.3, 0.2]]])
    head = CategoricalHead(2, 3)
    assert head.codes(soft).tolist() == [[1, 0]]
    assert head.counts(soft).tolist() == [[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]]


def test_annealing_sharpens_relaxed_letters_and_is_saved():
    head = CategoricalHead(50, 4, straight_through=False)
    raw = torch.randn(40, 200, generator=torch.Generator().manual_seed(1))
    schedule = TemperatureSchedule(5.0, 0.05, n_steps=2)
    sharpness = []
    for step in range(3):
        head.anneal(schedule(step))
        sharpness.append(head(raw, generator=torch.Generator().manual_seed(0)).max(dim=-1).values.mean().item())
    assert sharpness == sorted(sharpness)
    assert sharpness[-1] > 0.95
    other = CategoricalHead(50, 4)
    other.load_state_dict(head.state_dict())
    assert other.temperature.item() == pytest.approx(0.05)


def test_temperature_must_be_positive():
    with pytest.raises(InputError, match="positive"):
        CategoricalHead(3).anneal(0.0)
    with pytest.raises(InputError, match="positive"):
        CategoricalHead(3, temperature=-1.0)
