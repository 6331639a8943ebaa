import numpy as np
import pytest
from scipy import stats

from scgarage.imputation.posterior_mean import predicted


@pytest.mark.parametrize(
    ("alpha", "beta", "scale"),
    [(0.5, 2.0, 5.0), (3.0, 1.0, 2.0), (0.01, 0.5, 8.0), (30.0, 0.5, 1.0), (400.0, 0.2, 0.1)],
)
def test_moments_are_those_of_a_negative_binomial(alpha, beta, scale):
    counts = np.arange(20_000)
    chance = stats.nbinom.pmf(counts, alpha, beta / (1 + beta))
    values = np.log1p(scale * counts)
    mean = chance @ values
    sd = np.sqrt(chance @ (values - mean) ** 2)
    found = predicted(*(np.array([[x]], dtype=np.float32) for x in (alpha, beta, scale)))
    # Counts beyond the first ones are taken together.
    np.testing.assert_allclose(found[0].item(), mean, rtol=0.01)
    np.testing.assert_allclose(found[1].item(), sd, rtol=0.03)


def test_more_is_expected_of_more_and_nothing_of_nothing():
    alpha = np.linspace(0.1, 50, 40, dtype=np.float32)[None]
    mean, _ = predicted(alpha, np.ones_like(alpha), np.ones((1, 1), dtype=np.float32))
    assert (np.diff(mean[0]) > 0).all()
    mean, sd = predicted(alpha, np.full_like(alpha, 1e9), np.ones((1, 1), dtype=np.float32))
    assert max(mean.max(), sd.max()) < 1e-3
