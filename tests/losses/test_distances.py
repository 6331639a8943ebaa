import math

import numpy as np
import ot
import pytest
import torch
from scipy.stats import wasserstein_distance

from scgarage.errors import InputError
from scgarage.losses import MMD, median_distance, mmd, sliced_wasserstein


def cells(n, seed, shift=0.0, n_dims=3):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, n_dims, generator=generator, dtype=torch.float64) + shift


def by_loops(x, y, widths):
    def kernel(a, b):
        return np.mean([math.exp(-((a - b) ** 2).sum() / (2 * width**2)) for width in widths])

    x, y = x.numpy(), y.numpy()
    n, m = len(x), len(y)
    within_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_x + within_y - 2 * sum(kernel(a, b) for a in x for b in y) / (n * m)


def test_equals_the_definition_by_loops():
    x, y = cells(9, 0), cells(6, 1, shift=0.5)
    assert mmd(x, y, bandwidths=[0.5, 2.0]).item() == pytest.approx(by_loops(x, y, [0.5, 2.0]))
    median = median_distance(torch.cat([x, y])).item()
    widths = [median * multiple for multiple in (0.25, 0.5, 1, 2, 4)]
    assert mmd(x, y).item() == pytest.approx(by_loops(x, y, widths))


def test_median_distance_equals_the_sorted_middle():
    x = cells(7, 0)
    distances = torch.pdist(x)
    assert median_distance(x).item() == pytest.approx(distances.sort().values[(len(distances) - 1) // 2].item())


def repeats(shift, n_repeats=300, n=12, bandwidths=None):
    pairs = [(cells(n, 2 * i, n_dims=2), cells(n + 4, 2 * i + 1, shift, n_dims=2)) for i in range(n_repeats)]
    values = torch.stack([mmd(x, y, bandwidths=bandwidths) for x, y in pairs])
    return values.mean().item(), (values.std() / n_repeats**0.5).item(), pairs


@pytest.mark.parametrize("bandwidths", [None, (1.0, 3.0)])
def test_mean_is_zero_under_the_null(bandwidths):
    mean, error, pairs = repeats(0.0, bandwidths=bandwidths)
    assert abs(mean) < 3 * error
    # The same repeats tell the biased estimate, which counts each cell as its own neighbour, from zero.
    biased = torch.stack([_biased(x, y) for x, y in pairs])
    assert biased.mean().item() > 10 * error


def _biased(x, y):
    kernel = torch.exp(-torch.cdist(torch.cat([x, y]), torch.cat([x, y])).square() / 2)
    n = len(x)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


def test_mean_is_the_population_value_of_two_gaussians():
    width, shift = 1.5, 0.8
    mean, error, _ = repeats(shift, bandwidths=[width])
    n_dims = 2
    peak = (width**2 / (width**2 + 2)) ** (n_dims / 2)
    truth = 2 * peak * (1 - math.exp(-n_dims * shift**2 / (2 * (width**2 + 2))))
    assert mean == pytest.approx(truth, abs=3 * error)
    assert truth > 10 * error


def test_order_sides_and_place_do_not_matter():
    x, y = cells(20, 0), cells(15, 1, shift=1.0)
    value = mmd(x, y)
    torch.testing.assert_close(mmd(x.flip(0), y), value)
    torch.testing.assert_close(mmd(y, x), value)
    torch.testing.assert_close(mmd(x + 1000, y + 1000), value)
    torch.testing.assert_close(mmd(5 * x, 5 * y), value)  # the bandwidths follow
    far = mmd((x + 1000).float(), (y + 1000).float())
    assert far.item() == pytest.approx(value.item(), abs=1e-3)


def test_critic_free_training_moves_cells_to_the_target():
    objective = MMD()
    real = cells(60, 0, shift=2.0)
    fake = cells(60, 1).requires_grad_()
    optimizer = torch.optim.Adam([fake], lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        objective.generator_loss(fake, real).backward()
        optimizer.step()
    assert fake.mean(dim=0).tolist() == pytest.approx(real.mean(dim=0).tolist(), abs=0.2)


def test_objective_is_antagonistic_and_gradients_are_those_of_finite_differences():
    x, y = cells(5, 0, n_dims=2), cells(4, 1, n_dims=2)
    objective = MMD((1.0,))
    torch.testing.assert_close(objective.critic_loss(x, y), -objective.generator_loss(y, x))
    assert torch.autograd.gradcheck(lambda a, b: mmd(a, b, bandwidths=[1.0]), (x.requires_grad_(), y.requires_grad_()))


def test_copies_do_not_break_the_median():
    assert torch.isfinite(mmd(torch.zeros(4, 2), torch.zeros(4, 2)))


@pytest.mark.parametrize(
    ("x", "settings", "message"),
    [
        (torch.zeros(1, 2), {}, "at least two cells"),
        (torch.zeros(4, 2), {"bandwidths": [1.0, 0.0]}, "positive"),
        (torch.zeros(4, 2), {"bandwidths": []}, "positive"),
    ],
)
def test_unusable_input_is_refused(x, settings, message):
    with pytest.raises(InputError, match=message):
        mmd(x, torch.ones(3, 2), **settings)


def test_median_of_one_cell_is_refused():
    with pytest.raises(InputError, match="at least two cells"):
        median_distance(torch.zeros(1, 2))


@pytest.mark.parametrize(("n_x", "n_y"), [(50, 50), (50, 31)])
def test_one_dimension_equals_scipy(n_x, n_y):
    x, y = torch.randn(n_x, 1, dtype=torch.float64), torch.randn(n_y, 1, dtype=torch.float64) * 2 + 1
    expected = wasserstein_distance(x.ravel().numpy(), y.ravel().numpy())
    assert sliced_wasserstein(x, y, n_projections=3).item() == pytest.approx(expected, rel=1e-9)


def test_equals_pot_on_many_directions():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(80, 5, generator=generator), torch.randn(60, 5, generator=generator) + 0.5
    ours = sliced_wasserstein(x, y, n_projections=4000, generator=generator).item()
    theirs = ot.sliced_wasserstein_distance(x.numpy(), y.numpy(), n_projections=4000, p=1, seed=1)
    assert ours == pytest.approx(theirs, rel=0.03)


def test_zero_for_the_same_cells_in_another_order_and_symmetric():
    x, y = torch.randn(40, 3), torch.randn(40, 3)
    assert sliced_wasserstein(x, x.flip(0)).item() == pytest.approx(0, abs=1e-6)
    one = sliced_wasserstein(x, y, generator=torch.Generator().manual_seed(1))
    two = sliced_wasserstein(y, x, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(one, two)


def test_gradient_moves_cells_towards_the_target():
    x = torch.zeros(30, 2, requires_grad=True)
    sliced_wasserstein(x, torch.ones(20, 2)).backward()
    assert (x.grad < 0).all()
