import pytest
import torch
from torch.nn.functional import softplus

from scgarage.nn import ZINBHead


@pytest.mark.parametrize(("dispersion", "n_logits"), [("gene", 6), ("cell", 9)])
def test_logits_are_read_in_the_stated_order(dispersion, n_logits):
    head = ZINBHead(3, dispersion=dispersion)
    assert head.n_logits == n_logits
    raw = torch.randn(4, n_logits)
    distribution = head.distribution(raw)
    torch.testing.assert_close(distribution.mean, softplus(raw[:, :3]), atol=2e-6, rtol=0)
    torch.testing.assert_close(distribution.zero_logits, raw[:, -3:])
    if dispersion == "cell":
        torch.testing.assert_close(distribution.dispersion, softplus(raw[:, 3:6]), atol=2e-6, rtol=0)


def test_technical_zeros_appear_as_told():
    head = ZINBHead(1)
    raw = torch.tensor([[50.0, torch.logit(torch.tensor(0.8)).item()]]).expand(5000, 2)
    with torch.no_grad():
        head.parameters_of.raw_dispersion.fill_(100.0)
        output = head(raw, generator=torch.Generator().manual_seed(0))
    assert (output == 0).float().mean().item() == pytest.approx(0.8, abs=0.02)
    assert output[output > 0].mean().item() == pytest.approx(50, rel=0.02)
    assert torch.equal(head.counts(output), output)


def test_every_logit_has_a_gradient_through_the_critic():
    head = ZINBHead(2, dispersion="cell")
    raw = torch.randn(200, 6, requires_grad=True)
    torch.log1p(head(raw, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert torch.isfinite(raw.grad).all()
    assert (raw.grad.abs().sum(dim=0) > 0).all()
