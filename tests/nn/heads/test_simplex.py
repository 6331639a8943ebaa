import pytest
import torch
from scipy import stats

from scgarage.errors import InputError
from scgarage.nn import ALRHead, SoftmaxHead, alr


@pytest.mark.parametrize("head", [SoftmaxHead(7), ALRHead(7)])
def test_proportions_are_positive_and_sum_to_one(head):
    output = head(5 * torch.randn(30, head.n_logits, generator=torch.Generator().manual_seed(0)))
    assert output.shape == (30, 7)
    assert (output > 0).all()
    torch.testing.assert_close(output.sum(dim=1), torch.ones(30))


def test_additive_log_ratio_gives_the_logits_back_and_the_softmax_cannot():
    raw = torch.randn(20, 6, dtype=torch.float64)
    torch.testing.assert_close(alr(ALRHead(7)(raw)), raw, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(SoftmaxHead(6)(raw + 3), SoftmaxHead(6)(raw))


@pytest.mark.parametrize("head", [SoftmaxHead(4), ALRHead(4)])
def test_counts_have_the_library_size_exactly_and_the_right_shares(head):
    generator = torch.Generator().manual_seed(0)
    output = head(torch.randn(1, head.n_logits, generator=generator)).expand(500, 4)
    library = torch.arange(500.0) + 20
    counts = head.counts(output, library, generator=generator)
    torch.testing.assert_close(counts.sum(dim=1), library)
    total = counts.sum(dim=0).numpy().astype(float)
    wanted = output[0].double().numpy()
    assert stats.chisquare(total, total.sum() * wanted / wanted.sum()).pvalue > 1e-3


def test_one_gene_has_no_ratios():
    with pytest.raises(InputError, match="two genes"):
        ALRHead(1)
