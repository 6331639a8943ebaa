import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.special import expit

from scgarage.errors import InputError
from scgarage.imputation.began_networks import Drop


def test_probability_falls_with_expression_and_is_the_logistic():
    drop, values = Drop(midpoint=1.2, steepness=2.5), np.linspace(0, 6, 50)
    found = drop.probability(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(found, expit(-2.5 * (values - 1.2)), rtol=1e-6)
    assert (np.diff(found) < 0).all()


def test_share_of_dropped_entries_and_expected_value():
    drop, values = Drop(1.0, 1.5), torch.full((200_000,), 1.4)
    dropped = drop(values, generator=torch.Generator().manual_seed(0))
    probability = float(drop.probability(values[:1]))
    assert float((dropped == 0).float().mean()) == pytest.approx(probability, abs=5e-3)
    assert dropped.unique().tolist() == pytest.approx([0.0, 1.4])
    assert float(dropped.mean()) == pytest.approx(float(drop.expected(values[:1])), abs=5e-3)


def test_gradient_is_straight_through():
    # The derivative of x (d + k(x) - k(x).detach()) is d + x k'(x): a kept entry has one more than a dropped one.
    drop, values = Drop(1.0, 2.0), torch.full((1000,), 0.8, requires_grad=True)
    dropped = drop(values, generator=torch.Generator().manual_seed(0))
    dropped.sum().backward()
    kept = (dropped > 0).float()
    k = torch.sigmoid(torch.tensor(2.0 * (0.8 - 1.0)))
    torch.testing.assert_close(values.grad, kept + 0.8 * 2.0 * k * (1 - k))


def test_planted_parameters_are_found():
    rng = np.random.default_rng(0)
    level = rng.uniform(0.2, 4.0, size=400)
    keep = expit(1.8 * (level - 1.5))
    on = rng.random((500, 400)) < keep
    values = np.where(on, np.log1p(np.expm1(level) / keep), 0.0)  # so that the mean over all cells is the level
    drop = Drop.estimate(sparse.csr_matrix(values.astype(np.float32)))
    assert drop.midpoint == pytest.approx(1.5, abs=0.1)
    assert drop.steepness == pytest.approx(1.8, abs=0.15)


def test_given_percentile_is_that_of_the_positive_values():
    values = sparse.csr_matrix(np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], dtype=np.float32))
    drop = Drop.at_percentile(values, 50, 2.0)
    assert drop.midpoint == 3.0
    assert drop.percentile_in(values) == 40.0


def test_odd_data_and_parameters():
    same = sparse.csr_matrix(np.ones((4, 5), dtype=np.float32))
    with pytest.warns(UserWarning, match="does not fall with the mean"):
        assert Drop.estimate(same).steepness == 1.0
    with pytest.raises(InputError, match="steepness must be positive"):
        Drop(1.0, -1.0)
    with pytest.raises(InputError, match="percentile must lie"):
        Drop.at_percentile(same, 101, 1.0)
