import torch

from scgarage.nn import SoftplusHead


def test_output_is_log1p_exp_and_not_bounded():
    raw = torch.tensor([[-3.0, 0.0, 50.0]])
    torch.testing.assert_close(SoftplusHead(3)(raw), torch.log1p(raw.double().exp()).float())


def test_low_values_become_exact_zeros():
    head = SoftplusHead(2)
    counts = head.counts(head(torch.tensor([[-9.0, 3.0]])), torch.tensor([5000.0]))
    assert counts[0, 0] == 0
    assert counts[0, 1] == round(float(torch.expm1(torch.log1p(torch.tensor(3.0).exp())) / 2))
