import ot
import pytest
import torch
from scipy.stats import wasserstein_distance

from scgarage.losses import sliced_wasserstein


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
