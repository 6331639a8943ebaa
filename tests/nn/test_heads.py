"""What every head promises."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn.functional import softplus

from scgarage.errors import InputError
from scgarage.io.cells import counts_from_log_expr as numpy_counts_from_log_expr
from scgarage.nn import (
    HEADS,
    ALRHead,
    CategoricalHead,
    Head,
    NegativeBinomialHead,
    SigmoidScaledHead,
    SoftmaxHead,
    SoftplusHead,
    TemperatureSchedule,
    ZINBHead,
    alr,
)
from scgarage.nn.heads import counts_from_log_expr


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


N_CELLS, N_GENES = 6, 5
LIBRARY = torch.tensor([100.0, 500.0, 1000.0, 2000.0, 20.0, 1.0])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def logits(head):
    return torch.randn(N_CELLS, head.n_logits, generator=seeded(5))


@pytest.mark.parametrize("name", HEADS)
def test_output_has_the_right_shape_and_every_logit_a_gradient(name):
    head = HEADS[name].for_genes(N_GENES)
    # Many cells, for a gene that is zero in all of them tells its logits nothing.
    raw = torch.randn(100, head.n_logits, generator=seeded(5)).requires_grad_()
    output = head(raw, library=torch.full((100,), 500.0), generator=seeded())
    assert isinstance(head, Head)
    assert output.shape[:2] == (100, N_GENES)
    (output * torch.rand(output.shape)).sum().backward()
    assert torch.isfinite(raw.grad).all()
    assert (raw.grad.abs().sum(dim=0) > 0).all()


@pytest.mark.parametrize("name", HEADS)
def test_counts_are_whole_without_gradient_and_on_the_generator_alone(name):
    head = HEADS[name].for_genes(N_GENES)
    raw = logits(head).requires_grad_()
    state = torch.get_rng_state()
    drawn = []
    for _ in range(2):
        generator = seeded(2)
        drawn.append(head.counts(head(raw, library=LIBRARY, generator=generator), LIBRARY, generator=generator))
    torch.testing.assert_close(*drawn)
    assert torch.equal(torch.get_rng_state(), state)
    counts = drawn[0]
    assert counts.dtype == torch.float32
    assert not counts.requires_grad
    assert (counts >= 0).all()
    assert torch.equal(counts, counts.round())


@pytest.mark.parametrize("name", HEADS)
def test_state_dict_round_trip(name):
    one, other = HEADS[name].for_genes(N_GENES), HEADS[name].for_genes(N_GENES)
    with torch.no_grad():
        for value in one.state_dict().values():
            value.fill_(0.7)
    other.load_state_dict(one.state_dict())
    raw = logits(one)
    torch.testing.assert_close(*[head(raw, library=LIBRARY, generator=seeded()) for head in (one, other)])


def test_counts_equal_those_of_the_preprocessing():
    log_expr = 4 * torch.rand(N_CELLS, N_GENES, generator=seeded(), dtype=torch.float64)
    ours = counts_from_log_expr(log_expr, LIBRARY)
    theirs = numpy_counts_from_log_expr(log_expr.numpy(), LIBRARY.numpy())
    assert np.array_equal(ours.numpy(), theirs)


@pytest.mark.parametrize("name", ["sigmoid-scaled", "softplus", "softmax", "alr"])
def test_relative_expression_needs_library_sizes(name):
    head = HEADS[name].for_genes(N_GENES)
    output = head(logits(head))
    with pytest.raises(InputError, match="pass library="):
        head.counts(output)
    with pytest.raises(InputError, match=r"one size per cell, 6; found shape \(2,\)"):
        head.counts(output, LIBRARY[:2])


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


def test_output_is_log1p_exp_and_not_bounded():
    raw = torch.tensor([[-3.0, 0.0, 50.0]])
    torch.testing.assert_close(SoftplusHead(3)(raw), torch.log1p(raw.double().exp()).float())


def test_low_values_become_exact_zeros():
    head = SoftplusHead(2)
    counts = head.counts(head(torch.tensor([[-9.0, 3.0]])), torch.tensor([5000.0]))
    assert counts[0, 0] == 0
    assert counts[0, 1] == round(float(torch.expm1(torch.log1p(torch.tensor(3.0).exp())) / 2))


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
