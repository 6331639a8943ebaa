import numpy as np
import pytest
from scipy import stats

from scgarage.models.garage.factors import FAR, Censored, Factors

N_GENES, N_FACTORS = 40, 3
SETTINGS = {"n_sweeps": 40, "n_kept": 4, "ridge": 1.0}


def truth(seed=0):
    """Loadings of a model with unit variances, and its correlation matrix."""
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(N_GENES, N_FACTORS))
    loadings /= np.sqrt((loadings**2).sum(axis=1) + rng.uniform(0.5, 3, N_GENES))[:, None]
    return loadings, 1 - (loadings**2).sum(axis=1)


def scores_of(n_cells, seed=1):
    loadings, noise = truth()
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n_cells, N_FACTORS))
    return factors, factors @ loadings.T + rng.normal(size=(n_cells, N_GENES)) * np.sqrt(noise)


def correlation(loadings, own):
    return loadings @ loadings.T + np.diag(own)


def continuous(scores):
    rows, columns = np.indices(scores.shape).reshape(2, -1)
    return Censored(np.zeros(scores.shape, dtype=np.float32), rows, columns, scores.ravel(), scores.ravel())


def censored(scores, zero_fraction):
    """Below the threshold nothing is known, above it only one of two halves."""
    threshold, middle = stats.norm.ppf(zero_fraction), stats.norm.ppf((1 + zero_fraction) / 2)
    rows, columns = np.nonzero(scores > threshold)
    upper = scores[rows, columns] > middle
    low, high = np.where(upper, middle, threshold), np.where(upper, FAR, middle)
    return Censored(np.full(scores.shape, threshold, dtype=np.float32), rows, columns, low, high)


def fit(cells, **settings):
    return Factors.fit(cells, n_factors=N_FACTORS, rng=np.random.default_rng(2), **SETTINGS | settings)


def error(model):
    loadings, own = truth()
    off = np.triu_indices(N_GENES, 1)
    difference = correlation(model.loadings, model.noise**2) - correlation(loadings, own)
    return float(np.sqrt((difference[off] ** 2).mean()))


def test_continuous_scores_give_the_true_correlations():
    model, draws = fit(continuous(scores_of(1500)[1]))
    assert draws.shape == (4, 1500, N_FACTORS)
    assert error(model) < 0.05


def test_heavily_censored_scores_give_the_true_correlations():
    """With 80 % zeros the sample correlation of the drawn scores would be far too weak; Gibbs sampling is not."""
    _, scores = scores_of(1500)
    model, _ = fit(censored(scores, 0.8))
    assert error(model) < 0.09
    loadings, _ = truth()
    off = np.triu_indices(N_GENES, 1)
    slope = np.polyfit((loadings @ loadings.T)[off], (model.loadings @ model.loadings.T)[off], 1)[0]
    assert 0.85 < slope < 1.15


def test_every_gene_has_unit_variance():
    model, _ = fit(continuous(2.0 * scores_of(300)[1]), n_sweeps=5)
    np.testing.assert_allclose((model.loadings**2).sum(axis=1) + model.noise**2, 1, atol=1e-5)
    assert (model.noise > 0).all()


def test_independent_genes_get_no_correlations():
    scores = np.random.default_rng(0).normal(size=(1500, N_GENES))
    model, _ = fit(continuous(scores))
    off = np.triu_indices(N_GENES, 1)
    assert np.abs((model.loadings @ model.loadings.T)[off]).mean() < 0.05


def test_further_genes_get_the_loadings_of_known_factors():
    factors, scores = scores_of(1500)
    known = factors.astype(np.float32)[None]
    settings = {"n_sweeps": 15, "ridge": 1.0, "rng": np.random.default_rng(2)}
    loadings, _ = truth()
    exact = Factors.fit_given(continuous(scores), known, **settings)
    np.testing.assert_allclose(exact.loadings, loadings, atol=0.08)
    coarse = Factors.fit_given(censored(scores, 0.7), known, **settings)
    np.testing.assert_allclose(coarse.loadings, loadings, atol=0.25)
    np.testing.assert_allclose((coarse.loadings**2).sum(axis=1) + coarse.noise**2, 1, atol=1e-5)


def test_posterior_of_new_cells_finds_their_factors():
    loadings, own = truth()
    model = Factors(loadings.astype(np.float32), np.sqrt(own).astype(np.float32))
    factors, scores = scores_of(400, seed=9)
    draws = model.posterior(continuous(scores), n_sweeps=5, n_kept=6, rng=np.random.default_rng(0))
    assert draws.shape == (6, 400, N_FACTORS)
    for axis in range(N_FACTORS):
        assert np.corrcoef(draws.mean(axis=0)[:, axis], factors[:, axis])[0, 1] > 0.9
    pooled = draws.reshape(-1, N_FACTORS)
    np.testing.assert_allclose(pooled.var(axis=0), 1, atol=0.2)  # draws, not shrunken means


def test_inference_is_the_closed_form_of_a_linear_model():
    loadings, own = truth()
    model = Factors(loadings.astype(np.float32), np.sqrt(own).astype(np.float32))
    one = scores_of(1, seed=5)[1]
    many = model.infer(np.repeat(one, 20_000, axis=0).astype(np.float32), np.random.default_rng(0))
    precision = np.eye(N_FACTORS) + loadings.T @ (loadings / own[:, None])
    np.testing.assert_allclose(many.mean(axis=0), np.linalg.solve(precision, loadings.T @ (one[0] / own)), atol=0.02)
    np.testing.assert_allclose(np.cov(many, rowvar=False), np.linalg.inv(precision), atol=0.01)


@pytest.mark.parametrize(("n_cells", "n_factors"), [(4, 10), (60, 100)])
def test_no_more_factors_than_cells_and_genes_allow(n_cells, n_factors):
    cells = continuous(scores_of(n_cells)[1])
    model, draws = Factors.fit(
        cells, n_factors=n_factors, n_sweeps=2, n_kept=1, ridge=1.0, rng=np.random.default_rng(0)
    )
    assert draws.shape[2] == model.loadings.shape[1] == min(n_factors, n_cells - 1, N_GENES)
    assert np.isfinite(model.loadings).all()
    assert np.isfinite(draws).all()
