import numpy as np
import pytest
from scipy import sparse, stats

import scgarage as sg
from scgarage.errors import InputError
from scgarage.imputation.base import IMPUTED, IMPUTED_SD
from scgarage.imputation.posterior_mean import SCORES, PosteriorMean, RateTable, locate, predicted, score_moments
from scgarage.models.garage.censored import Censored
from scgarage.models.garage.factors import Factors
from scgarage.models.garage.marginals import PoissonMixture
from scgarage.models.garage.mixture import GRID, SHAPE


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


FAST = {"n_factors": 2, "n_sweeps": 6, "n_top_genes": None, "zero_chance": 1.0, "keep_observed": False}


@pytest.fixture(scope="module")
def truth():
    """Rates of 200 cells in which one factor moves half of the genes, equally deep on average."""
    rng = np.random.default_rng(0)
    factor = rng.normal(size=200)
    signs = np.repeat([1.0, -1.0, 0.0], 20)
    rates = np.exp(0.8 * factor[:, None] * signs) * rng.gamma(2.0, 0.5, size=60)
    return rates / rates.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def cells(truth):
    counts = np.random.default_rng(1).poisson(truth * 120).astype(np.float32)
    adata = sg.datasets.simulate(n_cells=200, n_genes=60, n_types=2)
    adata.X = sparse.csr_matrix(counts)
    adata.obs["cell_type"] = "one"
    return adata


@pytest.fixture(scope="module")
def made(cells):
    return PosteriorMean(**FAST, output="rate").fit(cells, labels_key="cell_type").transform(cells)


def test_rates_are_nearer_to_the_truth_than_counts_and_means(made, cells, truth):
    wanted = np.log1p(1e4 * truth)
    observed = sg.pp.log1p_cp10k(cells.X).toarray()
    mean = np.log1p(1e4 * np.asarray(cells.X.mean(axis=0)).ravel() / cells.X.sum(axis=1).mean())

    def error(values):
        return float(np.square(values - wanted).mean())

    assert error(made.layers[IMPUTED].toarray()) < 0.6 * error(np.broadcast_to(mean, wanted.shape))
    assert error(made.layers[IMPUTED].toarray()) < 0.2 * error(observed)


def test_standard_deviation_covers_the_truth(made, truth):
    away = np.abs(made.layers[IMPUTED].toarray() - np.log1p(1e4 * truth)) / made.layers[IMPUTED_SD].toarray()
    assert 0.8 < np.mean(away < 2) < 1.0


def test_draws_are_whole_counts_and_vary_as_counts_do(cells):
    model = PosteriorMean(**FAST, output="draw").fit(cells, labels_key="cell_type")
    drawn = np.expm1(model.transform(cells).layers[IMPUTED].toarray()) * cells.X.sum(axis=1).A1[:, None] / 1e4
    np.testing.assert_allclose(drawn, np.rint(drawn), atol=1e-3)
    assert 0.8 < drawn.var(axis=0).sum() / cells.X.toarray().var(axis=0).sum() < 1.25


def test_log_values_of_another_scale_come_back_on_that_scale(made, cells):
    other = cells.copy()
    other.X = cells.X.copy()
    other.X.data = np.log1p(3.0 * cells.X.data)
    found = PosteriorMean(**FAST, output="rate").fit(other, labels_key="cell_type").transform(other).layers[IMPUTED]
    unit = 1e4 / cells.X.sum(axis=1).A1[:, None]
    expected = np.log1p(np.expm1(made.layers[IMPUTED].toarray()) * 3.0 / unit)
    np.testing.assert_allclose(found.toarray(), expected, atol=1e-3)


def test_wrong_settings_are_refused(cells):
    with pytest.raises(InputError, match="output must be one of 'expected', 'rate', 'draw'; found 'best'"):
        PosteriorMean(output="best")
    scaled = cells.copy()
    scaled.X = sparse.csr_matrix(np.log1p(cells.X.toarray() * np.random.default_rng(0).random(60)))
    with pytest.raises(InputError, match="not log-normalised counts"):
        PosteriorMean(**FAST).fit(scaled)


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


TOTALS = np.geomspace(500, 2000, 50)
STRATA = np.zeros(50, dtype=np.int64)


@pytest.fixture(scope="module")
def marginal():
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.full(len(GRID), 0.2), size=(2, 6)).astype(np.float32)
    share = np.tile(np.geomspace(1e-4, 1e-2, 6), (2, 1)).astype(np.float32)
    slope = np.tile(np.linspace(-0.3, 0.3, 6), (2, 1)).astype(np.float32)
    knots, highest = np.linspace(5, 9, 17), np.full(6, 1e6, dtype=np.float32)
    return PoissonMixture(share, slope, np.full(2, 7.0), np.full(2, 0.4), weights, knots, highest)


def test_moments_are_sums_over_counts(marginal):
    spread = np.full(6, 0.8, dtype=np.float32)
    table = RateTable.fit(marginal, spread, TOTALS, STRATA)
    gene, depth, score = 1, 1, 9
    change = np.exp(marginal.slope[0, gene] * (table.depths[depth] - 7.0) / 0.4)
    expected = np.exp(table.depths[depth]) * marginal.share[0, gene] * change * GRID
    weights = marginal.weights[0, gene]
    counts = np.arange(400)
    joint = stats.nbinom.pmf(counts[:, None], SHAPE, SHAPE / (SHAPE + expected)) * weights
    edges = stats.norm.ppf(np.clip(joint.sum(axis=1).cumsum(), 0, 1))
    chance = np.diff(stats.norm.cdf((edges - SCORES[score]) / 0.8), prepend=0.0)
    mean = chance @ (joint @ GRID / np.maximum(joint.sum(axis=1), 1e-300))
    assert table.first[0, depth, gene, score] == pytest.approx(mean, rel=0.05)  # counts are gone through in steps


def test_a_score_that_knows_nothing_gives_the_mixture(marginal):
    table = RateTable.fit(marginal, np.ones(6, dtype=np.float32), TOTALS, STRATA)
    middle = len(SCORES) // 2
    np.testing.assert_allclose(table.first[0, 1, :, middle], marginal.weights[0] @ GRID, rtol=1e-3)
    np.testing.assert_allclose(table.second[0, 1, :, middle], marginal.weights[0] @ GRID**2, rtol=5e-3)
    # So does any score in a stratum without cells.
    np.testing.assert_allclose(table.first[1, 0, :, 2], marginal.weights[1] @ GRID, rtol=1e-3)


def test_rates_rise_with_scores_and_are_interpolated(marginal):
    table = RateTable.fit(marginal, np.full(6, 0.7, dtype=np.float32), TOTALS, STRATA)
    assert (np.diff(table.first[0], axis=-1) > -1e-5).all()
    scores = np.tile(SCORES[[4, 5, 5]][:, None], (1, 6)).astype(np.float32)
    scores[1] = SCORES[4:6].mean()
    depth = np.exp(np.full(3, table.depths[1]))
    mean, variance = table(scores, depth, STRATA[:3])
    np.testing.assert_allclose(mean[0], table.first[0, 1, :, 4], rtol=1e-4)
    np.testing.assert_allclose(mean[1], (mean[0] + mean[2]) / 2, rtol=1e-3)
    np.testing.assert_allclose(
        variance[2], table.second[0, 1, :, 5] - table.first[0, 1, :, 5] ** 2, rtol=1e-2, atol=1e-4
    )


def test_scores_and_depths_out_of_range_are_held(marginal):
    table = RateTable.fit(marginal, np.full(6, 0.7, dtype=np.float32), TOTALS, STRATA)
    far, edge = (table(np.full((1, 6), x, dtype=np.float32), np.array([1e9]), STRATA[:1])[0] for x in (50.0, 3.5))
    np.testing.assert_allclose(far, edge, rtol=1e-3)
