import pytest
import torch
from scipy import stats

from scgarage.nn import NegativeBinomial, ZeroInflatedNegativeBinomial


def zinb(mean, theta, pi, shape=()):
    logit = torch.logit(torch.tensor(pi, dtype=torch.float64))
    mean, theta = torch.tensor(mean, dtype=torch.float64), torch.tensor(theta, dtype=torch.float64)
    return ZeroInflatedNegativeBinomial(mean.expand(shape), theta.expand(shape), logit.expand(shape))


@pytest.mark.parametrize("pi", [0.01, 0.4, 0.95])
def test_log_likelihood_equals_the_closed_form_on_scipy(pi):
    mean, theta = 3.0, 0.7
    counts = torch.arange(40, dtype=torch.float64)
    probabilities = (1 - pi) * stats.nbinom.pmf(counts.numpy(), theta, theta / (theta + mean))
    probabilities[0] += pi
    ours = zinb(mean, theta, pi).log_prob(counts).exp()
    torch.testing.assert_close(ours, torch.from_numpy(probabilities))


def test_without_technical_zeros_it_is_the_negative_binomial():
    counts = torch.arange(20.0)
    mean, theta = torch.tensor(2.0), torch.tensor(1.0)
    inflated = ZeroInflatedNegativeBinomial(mean, theta, torch.tensor(-40.0))
    torch.testing.assert_close(inflated.log_prob(counts), NegativeBinomial(mean, theta).log_prob(counts))


def test_extreme_logits_have_finite_gradients():
    logits = torch.tensor([[-60.0, 60.0]], requires_grad=True)
    mean = torch.ones(1, 2, requires_grad=True)
    log_prob = ZeroInflatedNegativeBinomial(mean, torch.ones(2), logits).log_prob(torch.tensor([[0.0, 3.0]]))
    log_prob.sum().backward()
    assert torch.isfinite(logits.grad).all()
    assert torch.isfinite(mean.grad).all()


@pytest.mark.parametrize("how", ["sample", "surrogate"])
def test_draws_are_whole_and_follow_the_distribution(how):
    n = 20_000
    distribution = zinb(4.0, 2.0, 0.3, shape=(n, 1))
    drawn = getattr(distribution, how)(torch.Generator().manual_seed(0)).ravel()
    assert torch.equal(drawn, drawn.round())
    wanted = n * distribution.log_prob(torch.arange(10.0).double())[0].exp().numpy()
    observed = [(drawn == k).sum().item() for k in range(10)] + [(drawn >= 10).sum().item()]
    assert stats.chisquare(observed, [*wanted, n - wanted.sum()]).pvalue > 1e-3


def test_sampling_is_outside_the_gradient_path_and_surrogate_gradients_have_the_right_signs():
    n = 50_000
    logit = torch.zeros((), requires_grad=True)
    mean = torch.full((), 4.0, requires_grad=True)
    distribution = ZeroInflatedNegativeBinomial(mean.expand(n, 1), torch.ones(n, 1), logit.expand(n, 1))
    assert not distribution.sample().requires_grad
    drawn = distribution.surrogate(torch.Generator().manual_seed(0))
    by_mean, by_logit = torch.autograd.grad(drawn.mean(), [mean, logit])
    assert by_mean.item() == pytest.approx(0.5, rel=0.05)  # 1 - pi
    truth = -4.0 * 0.25  # -mu pi (1 - pi)
    assert by_logit.item() < 0
    assert by_logit.item() == pytest.approx(truth, rel=0.5)
