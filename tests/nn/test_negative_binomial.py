import pytest
import torch
from scipy import stats

from scgarage.nn import NegativeBinomial


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


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
