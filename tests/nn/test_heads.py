import torch

from scgarage.nn import HEADS, SigmoidScaledHead


def test_registry_names_the_head():
    assert HEADS["sigmoid-scaled"] is SigmoidScaledHead


def test_scaled_output_lies_in_the_unit_interval_and_the_inverse_below_the_maximum():
    maximum = torch.tensor([0.5, 2.0, 7.0])
    head = SigmoidScaledHead(maximum)
    scaled = head(torch.randn(100, 3) * 10)
    assert ((scaled >= 0) & (scaled <= 1)).all()
    log_expr = head.log_expr(scaled)
    assert (log_expr <= maximum).all()
    torch.testing.assert_close(log_expr / maximum, scaled)


def test_maximum_is_saved_with_the_weights():
    head = SigmoidScaledHead(torch.tensor([1.0, 3.0]))
    other = SigmoidScaledHead(torch.ones(2))
    other.load_state_dict(head.state_dict())
    torch.testing.assert_close(other.maximum, head.maximum)
