import pytest
import torch
from torch.nn.functional import softplus

from scgarage.errors import InputError
from scgarage.nn import NegativeBinomialHead


def test_parameters_go_through_softplus():
    head = NegativeBinomialHead(3, dispersion="cell")
    assert head.n_logits == 6
    raw = torch.randn(4, 6)
    distribution = head.distribution(raw)
    torch.testing.assert_close(distribution.mean, softplus(raw[:, :3]), atol=2e-6, rtol=0)
    torch.testing.assert_close(distribution.dispersion, softplus(raw[:, 3:]), atol=2e-6, rtol=0)


def test_dispersion_per_gene_is_a_parameter_that_learns():
    head = NegativeBinomialHead(3)
    assert head.n_logits == 3
    counts = torch.tensor([[0.0, 4.0, 30.0]])
    (-head.distribution(torch.zeros(1, 3)).log_prob(counts).sum()).backward()
    (parameter,) = head.parameters()
    assert (parameter.grad.abs() > 0).all()


def test_means_add_up_to_the_given_library_size():
    head = NegativeBinomialHead(5, mean="softmax")
    library = torch.tensor([100.0, 7000.0])
    means = head.distribution(torch.randn(2, 5), library=library).mean
    torch.testing.assert_close(means.sum(dim=1), library)
    with pytest.raises(InputError, match="pass library="):
        head(torch.randn(2, 5))


def test_very_low_logits_have_finite_likelihoods_and_gradients():
    head = NegativeBinomialHead(1, dispersion="cell")
    raw = torch.full((1, 2), -200.0, requires_grad=True)
    log_prob = head.distribution(raw).log_prob(torch.tensor([[3.0]])).sum()
    log_prob.backward()
    assert torch.isfinite(log_prob)
    assert torch.isfinite(raw.grad).all()
    assert torch.isfinite(head(raw)).all()


def test_critic_sees_what_is_returned_as_counts():
    head = NegativeBinomialHead(4)
    output = head(torch.randn(50, 4) + 2)
    assert output.requires_grad
    assert torch.equal(head.counts(output), output.detach())


@pytest.mark.parametrize("bad", [{"mean": "exp"}, {"dispersion": "type"}])
def test_unknown_settings_are_refused(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        NegativeBinomialHead(3, **bad)
