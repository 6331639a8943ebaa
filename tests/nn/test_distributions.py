import pytest
import torch
from scipy import stats

from scgarage.nn import NegativeBinomial, ZeroInflatedNegativeBinomial
from scgarage.nn.distributions import gumbel_noise, logistic_noise, poisson_draw, standard_gamma


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("theta", [0.3, 1.0, 12.0])
def test_gamma_follows_scipy(theta):
    drawn = standard_gamma(torch.full((4000,), theta, dtype=torch.float64), seeded())
    assert stats.kstest(drawn.numpy(), stats.gamma(theta).cdf).pvalue > 1e-3


def test_gamma_gradient_is_that_of_the_moments():
    # E[x] = theta and E[x^2] = theta + theta^2, with derivatives 1 and 1 + 2 theta.
    theta = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    drawn = standard_gamma(theta.expand(200_000), seeded())
    (first,) = torch.autograd.grad(drawn.mean(), theta, retain_graph=True)
    (second,) = torch.autograd.grad(drawn.square().mean(), theta)
    assert first.item() == pytest.approx(1.0, rel=0.02)
    assert second.item() == pytest.approx(5.0, rel=0.02)


def test_noise_follows_scipy():
    like = torch.zeros(5000, dtype=torch.float64)
    assert stats.kstest(gumbel_noise(like, seeded()).numpy(), stats.gumbel_r.cdf).pvalue > 1e-3
    assert stats.kstest(logistic_noise(like, seeded()).numpy(), stats.logistic.cdf).pvalue > 1e-3


def test_generator_alone_decides():
    rate = torch.full((50,), 3.0)
    for draw in (poisson_draw, standard_gamma, gumbel_noise, logistic_noise):
        state = torch.get_rng_state()
        assert torch.equal(draw(rate, seeded(1)), draw(rate, seeded(1)))
        assert not torch.equal(draw(rate, seeded(1)), draw(rate, seeded(2)))
        assert torch.equal(torch.get_rng_state(), state)
        assert draw(rate, None).shape == rate.shape


def grid():
    mean = torch.tensor([0.01, 0.7, 5.0, 300.0], dtype=torch.float64)[:, None, None]
    theta = torch.tensor([0.05, 1.0, 8.0, 1e4], dtype=torch.float64)[None, :, None]
    counts = torch.tensor([0, 1, 2, 7, 60, 500], dtype=torch.float64)[None, None, :]
    return mean, theta, counts


def test_log_likelihood_equals_scipy():
    mean, theta, counts = grid()
    ours = NegativeBinomial(mean, theta).log_prob(counts)
    theirs = stats.nbinom.logpmf(counts.numpy(), theta.numpy(), (theta / (theta + mean)).numpy())
    torch.testing.assert_close(ours, torch.from_numpy(theirs), rtol=1e-8, atol=1e-8)


def test_float32_keeps_four_digits_where_cells_live():
    mean, theta, counts = (part.float() for part in grid())
    small = NegativeBinomial(mean, theta[:, :3]).log_prob(counts)
    exact = NegativeBinomial(mean.double(), theta[:, :3].double()).log_prob(counts.double())
    torch.testing.assert_close(small.double(), exact, rtol=1e-4, atol=1e-3)


def test_large_dispersion_is_the_poisson_distribution():
    mean, _, counts = grid()
    ours = NegativeBinomial(mean[:3], torch.tensor(1e9, dtype=torch.float64)).log_prob(counts[..., :5])
    theirs = torch.from_numpy(stats.poisson.logpmf(counts[..., :5].numpy(), mean[:3].numpy()))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_probabilities_sum_to_one():
    counts = torch.arange(2000, dtype=torch.float64)
    log_prob = NegativeBinomial(torch.tensor(5.0).double(), torch.tensor(0.8).double()).log_prob(counts)
    assert log_prob.exp().sum().item() == pytest.approx(1.0)


@pytest.mark.parametrize("how", ["sample", "surrogate"])
def test_draws_are_whole_and_follow_scipy(how):
    mean, theta = 4.0, 1.5
    n = 20_000
    distribution = NegativeBinomial(torch.full((n, 1), mean), torch.tensor([theta]))
    drawn = getattr(distribution, how)(seeded()).ravel()
    assert torch.equal(drawn, drawn.round())
    expected = stats.nbinom(theta, theta / (theta + mean))
    edges = range(12)
    observed = [(drawn == k).sum().item() for k in edges] + [(drawn >= 12).sum().item()]
    wanted = [n * expected.pmf(k) for k in edges] + [n * expected.sf(11)]
    assert stats.chisquare(observed, wanted).pvalue > 1e-3
    assert drawn.var().item() == pytest.approx(distribution.variance[0].item(), rel=0.06)


def test_sampling_is_outside_the_gradient_path():
    mean = torch.ones(5, 2, requires_grad=True)
    assert not NegativeBinomial(mean, torch.ones(2)).sample().requires_grad


def test_surrogate_gradients_are_as_stated():
    mu, inverse = 3.0, 2.0
    mean = torch.tensor(mu, dtype=torch.float64, requires_grad=True)
    theta = torch.tensor(inverse, dtype=torch.float64, requires_grad=True)
    n = 400_000
    drawn = NegativeBinomial(mean.expand(n, 1), theta).surrogate(seeded())
    first = torch.autograd.grad(drawn.mean(), [mean, theta], retain_graph=True)
    second = torch.autograd.grad(drawn.square().mean(), [mean, theta])
    assert first[0].item() == pytest.approx(1.0, rel=0.02)
    assert first[1].item() == pytest.approx(0.0, abs=0.02)
    assert second[0].item() == pytest.approx(2 * mu * (1 + 1 / inverse), rel=0.03)  # the truth has + 1
    assert second[1].item() == pytest.approx(-(mu**2) / inverse**2, rel=0.05)


def test_likelihood_finds_the_parameters_of_its_own_draws():
    draws = NegativeBinomial(torch.full((20_000, 1), 6.0), torch.tensor([2.0])).sample(seeded()).double()
    raw = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([raw], max_iter=50, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = -NegativeBinomial(raw[0].exp(), raw[1].exp()).log_prob(draws).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert raw.detach().exp().tolist() == pytest.approx([6.0, 2.0], rel=0.05)


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
