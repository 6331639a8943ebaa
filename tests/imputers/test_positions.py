import numpy as np
import pytest
from scipy import stats

from scgarage.imputation.posterior_mean import locate, score_moments
from scgarage.models.garage.factors import Censored, Factors


@pytest.fixture
def factors():
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(60, 3)).astype(np.float32)
    loadings *= 0.7 / np.linalg.norm(loadings, axis=1, keepdims=True)
    return Factors(loadings, np.sqrt(1 - (loadings**2).sum(axis=1)).astype(np.float32))


def censored(n_cells, n_genes, seed=0, width=0.5):
    """Zeros below a threshold, and intervals of a given width at half of the entries."""
    rng = np.random.default_rng(seed)
    zero = rng.normal(size=(n_cells, n_genes)).astype(np.float32)
    rows, columns = np.nonzero(rng.random((n_cells, n_genes)) < 0.5)
    low = zero[rows, columns].astype(np.float64) + rng.random(len(rows))
    return Censored(zero, rows, columns, low, low + width)


def test_scores_have_the_moments_of_truncated_normals():
    cells = censored(4, 5)
    mean = np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32)
    spread = np.linspace(0.3, 1.0, 5).astype(np.float32)
    low, high = np.full((4, 5), -np.inf), cells.zero.astype(np.float64)
    low[cells.rows, cells.columns], high[cells.rows, cells.columns] = cells.low, cells.high
    expected = stats.truncnorm((low - mean) / spread, (high - mean) / spread, loc=mean, scale=spread)
    scores, variance = score_moments(cells, mean, spread)
    np.testing.assert_allclose(scores, expected.mean(), atol=2e-4)
    np.testing.assert_allclose(variance * spread**2, expected.var(), atol=2e-4)


def test_far_tails_stay_inside_their_intervals():
    cells = Censored(
        np.full((1, 2), -6.0, dtype=np.float32), np.array([0]), np.array([1]), np.array([5.9]), np.array([6.0])
    )
    scores, variance = score_moments(
        cells, np.full((1, 2), [[6.0, -6.0]], dtype=np.float32), np.full(2, 0.3, np.float32)
    )
    assert -7 < scores[0, 0] <= -6
    assert 5.9 <= scores[0, 1] <= 6.0
    assert np.isfinite(variance).all()


def test_exact_scores_give_the_regression_on_the_loadings(factors):
    z = np.random.default_rng(2).normal(size=(5, 60))
    rows, columns = (index.ravel() for index in np.indices(z.shape))
    cells = Censored(np.zeros(z.shape, dtype=np.float32), rows, columns, z.ravel() - 1e-9, z.ravel() + 1e-9)
    found, uncertain = locate(cells, factors)
    w, precision = factors.loadings.astype(float), 1 / factors.noise.astype(float) ** 2
    information = np.eye(3) + w.T @ (w * precision[:, None])
    np.testing.assert_allclose(found, np.linalg.solve(information, w.T @ (z * precision).T).T, atol=1e-3)
    expected = np.einsum("gk,kl,gl->g", w, np.linalg.inv(information), w)
    np.testing.assert_allclose(uncertain, np.tile(expected, (5, 1)), rtol=1e-3)


def test_position_is_where_the_posterior_is_highest(factors):
    cells = censored(3, 60)
    low, high = np.full(cells.zero.shape, -np.inf), cells.zero.astype(np.float64)
    low[cells.rows, cells.columns], high[cells.rows, cells.columns] = cells.low, cells.high

    def log_posterior(f):
        mean = f @ factors.loadings.T
        inside = stats.norm.cdf((high - mean) / factors.noise) - stats.norm.cdf((low - mean) / factors.noise)
        return np.log(inside).sum(axis=1) - 0.5 * (f**2).sum(axis=1)

    found, _ = locate(cells, factors)
    best = log_posterior(found.astype(float))
    for step in 0.03 * np.concatenate([np.eye(3), -np.eye(3)]):
        assert (log_posterior(found + step) < best).all()


def test_position_does_not_depend_on_other_cells(factors):
    cells = censored(6, 60)
    inside = cells.rows < 2
    alone = Censored(cells.zero[:2], cells.rows[inside], cells.columns[inside], cells.low[inside], cells.high[inside])
    np.testing.assert_allclose(locate(alone, factors)[0], locate(cells, factors)[0][:2], atol=1e-5)
