import numpy as np
import pytest
from scipy import sparse, stats

from scgarage.models.garage import factors as decoder_module
from scgarage.models.garage.censored import Censored, draw_scores, expected_scores
from scgarage.models.garage.factors import Cells, Decoder, Factors, GibbsSettings, censor, own_loadings
from scgarage.models.garage.marginals import FAR, Hurdle, PoissonMixture, normal_score
from scgarage.models.garage.strata import Depth


def intervals(low, high, n_cells=20_000):
    """One gene whose cells all have a count, with the same interval."""
    rows = np.arange(n_cells)
    zero = np.zeros((n_cells, 1), dtype=np.float32)
    return Censored(zero, rows, np.zeros(n_cells, dtype=np.int64), np.full(n_cells, low), np.full(n_cells, high))


def drawn(cells, mean=0.0, spread=1.0, seed=0):
    mean = np.full(cells.zero.shape, mean, dtype=np.float32)
    return draw_scores(cells, mean, np.full(cells.zero.shape[1], spread, dtype=np.float32), np.random.default_rng(seed))


@pytest.mark.parametrize(("low", "high"), [(-6.0, 6.0), (-0.5, 0.2), (0.3, 6.0), (1.5, 1.6), (-2.0, -1.0)])
@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (0.7, 0.4), (-1.0, 0.9)])
def test_entries_with_counts_follow_truncated_normals(low, high, mean, spread):
    scores = drawn(intervals(low, high), mean, spread).ravel()
    assert scores.min() >= low - 1e-5
    assert scores.max() <= high + 1e-5
    truth = stats.truncnorm((low - mean) / spread, (high - mean) / spread, loc=mean, scale=spread)
    assert scores.mean() == pytest.approx(truth.mean(), abs=0.03 * truth.std())
    assert scores.std() == pytest.approx(truth.std(), rel=0.05)


@pytest.mark.parametrize("mean", [0.0, 1.2, -2.0])
def test_entries_without_counts_follow_normals_cut_from_above(mean):
    zero = np.full((20_000, 1), 0.4, dtype=np.float32)
    nothing = np.empty(0, dtype=np.int64)
    scores = drawn(Censored(zero, nothing, nothing, np.empty(0), np.empty(0)), mean, 0.8).ravel()
    truth = stats.truncnorm(-np.inf, (0.4 - mean) / 0.8, loc=mean, scale=0.8)
    assert scores.max() <= 0.4 + 1e-4
    assert scores.mean() == pytest.approx(truth.mean(), abs=0.03 * truth.std())
    assert scores.std() == pytest.approx(truth.std(), rel=0.05)


def test_continuous_values_are_kept():
    np.testing.assert_allclose(drawn(intervals(0.37, 0.37, 10)), 0.37, rtol=1e-6)


@pytest.mark.parametrize(("low", "high"), [(5.0, 5.1), (-5.1, -5.0), (5.9, 6.0)])
@pytest.mark.parametrize("mean", [0.0, -3.0, 3.0])
def test_far_tails_stay_finite_and_inside(low, high, mean):
    scores = drawn(intervals(low, high, 500), mean, 0.3)
    assert np.isfinite(scores).all()
    assert scores.min() >= low - 1e-5
    assert scores.max() <= high + 1e-5


def test_zero_that_is_hardly_possible_stays_finite():
    nothing = np.empty(0, dtype=np.int64)
    cells = Censored(np.full((500, 1), -5.5, dtype=np.float32), nothing, nothing, np.empty(0), np.empty(0))
    scores = drawn(cells, 3.0, 0.5)
    assert np.isfinite(scores).all()
    assert np.abs(scores).max() <= FAR


def test_same_source_gives_the_same_scores_and_input_is_kept():
    cells = intervals(-0.3, 1.0, 50)
    before = cells.zero.copy()
    np.testing.assert_array_equal(drawn(cells, seed=3), drawn(cells, seed=3))
    assert (drawn(cells, seed=3) != drawn(cells, seed=4)).any()
    np.testing.assert_array_equal(cells.zero, before)


@pytest.mark.parametrize(("low", "high"), [(-6.0, 6.0), (-0.5, 0.2), (0.3, 6.0), (4.0, 4.2), (-2.0, -1.0), (0.7, 0.7)])
def test_expected_scores_are_means_of_truncated_normals(low, high):
    cells = intervals(low, high, 3)
    found = expected_scores(cells)
    known = stats.truncnorm(low, high).mean() if low < high else low
    np.testing.assert_allclose(found, known, atol=1e-4)
    nothing = np.empty(0, dtype=np.int64)
    without = Censored(np.full((2, 2), high, dtype=np.float32), nothing, nothing, np.empty(0), np.empty(0))
    np.testing.assert_allclose(expected_scores(without), stats.truncnorm(-np.inf, high).mean(), atol=1e-3)


def test_strata_that_differ_get_loadings_of_their_own_and_others_do_not():
    """Of 40 genes five have other loadings in the second stratum; the third is small and like the first."""
    rng = np.random.default_rng(0)
    loadings, own = truth()
    other = loadings.copy()
    other[:5] *= -1
    strata = np.repeat([0, 1, 2], [1000, 600, 30])
    factors = rng.normal(size=(1, len(strata), N_FACTORS))
    mean = np.where((strata == 1)[:, None], factors[0] @ other.T, factors[0] @ loadings.T)
    scores = mean + rng.normal(size=mean.shape) * np.sqrt(own)
    found = own_loadings(expected_scores(censored(scores, 0.7)), factors, strata, loadings.astype(np.float32))
    assert found.shape == (3, N_GENES, N_FACTORS)
    assert np.abs(found[0]).mean() < 0.02
    np.testing.assert_allclose(found[1, :5], (other - loadings)[:5], atol=0.3)
    assert np.abs(found[1, 5:]).mean() < 0.03
    assert np.abs(found[2]).mean() < 0.1


def test_normal_scores_are_quantiles_and_finite():
    levels = np.array([0.0, 0.025, 0.5, 0.975, 1.0])
    np.testing.assert_allclose(normal_score(levels), [-FAR, *stats.norm.ppf(levels[1:4]), FAR], atol=1e-12)


GIBBS = GibbsSettings(n_factors=2, n_sweeps=15, n_kept=3, ridge=5.0, min_cells=10)
DEPTH = Depth(np.array([7.0]), np.array([0.25]), np.ones(1), np.zeros(1))
PLAIN = {"mean_prior": 0.1, "weight_prior": 5.0}


def simulated(n_cells=800, seed=0):
    """Ten genes of one programme (the last two are left out of the selection), ten others, one never seen."""
    rng = np.random.default_rng(seed)
    totals = np.exp(rng.normal(7, 0.25, n_cells))
    programme = rng.normal(size=(n_cells, 1))
    rates = np.exp(np.concatenate([np.repeat(0.8 * programme, 10, axis=1), np.zeros((n_cells, 11))], axis=1))
    mean = np.concatenate([rng.uniform(2, 6, 20), [0.0]])
    counts = rng.poisson(rates * mean * totals[:, None] / totals.mean())
    return as_cells(counts, totals)


def as_cells(values, totals):
    strata = np.zeros(len(totals), dtype=np.int64)
    depth = DEPTH.standardise(np.asarray(totals, dtype=float), strata)
    return Cells(sparse.csr_matrix(np.asarray(values, dtype=np.float32)), totals, strata, depth)


SELECTED = np.setdiff1d(np.arange(20), [8, 9])


def marginal_of(cells, kind=PoissonMixture):
    share = np.asarray(cells.values.sum(axis=0)) / cells.totals.sum()
    return kind.fit(cells.values.tocsc(), cells.totals, cells.strata, depth=DEPTH, prior_share=share, **PLAIN)


@pytest.fixture(scope="module")
def fitted():
    cells = simulated()
    marginal = marginal_of(cells)
    model, draws = Decoder.fit(cells, marginal, SELECTED, GIBBS, np.random.default_rng(0))
    return cells, marginal, model, draws


def decoded(fitted, seed=0):
    cells, marginal, model, draws = fitted
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((len(cells.totals), draws.shape[2]), dtype=np.float32)
    return model.decode(factors, cells.depth, cells.totals, cells.strata, marginal, rng)


def test_correlations_come_back_also_outside_the_selection(fitted):
    real, made = fitted[0].values.toarray(), decoded(fitted).toarray()
    for pair in [(0, 1), (0, 8), (8, 9), (0, 15), (14, 15)]:
        expected = stats.spearmanr(real[:, pair[0]], real[:, pair[1]]).statistic
        assert stats.spearmanr(made[:, pair[0]], made[:, pair[1]]).statistic == pytest.approx(expected, abs=0.12)


def test_marginals_come_back(fitted):
    real, made = fitted[0].values.toarray(), decoded(fitted).toarray()
    np.testing.assert_allclose(made.mean(axis=0), real.mean(axis=0), rtol=0.12)
    np.testing.assert_allclose((made == 0).mean(axis=0), (real == 0).mean(axis=0), atol=0.05)
    assert made[:, 20].sum() == 0


def test_values_are_whole_sparse_and_in_the_range_seen(fitted):
    made = decoded(fitted)
    assert made.dtype == np.float32
    assert (made.data > 0).all()
    np.testing.assert_array_equal(made.data, np.rint(made.data))
    assert (made.max(axis=0).toarray() <= 2 * fitted[0].values.max(axis=0).toarray()).all()


def test_factors_of_cells_carry_the_programme_and_new_cells_find_it(fitted):
    cells, marginal, model, draws = fitted
    total = np.log1p(cells.values[:, :8].sum(axis=1).A1 / cells.totals * 1e3)
    both = np.column_stack([draws.mean(axis=0), np.ones(len(total))])
    direction = np.linalg.lstsq(both, total, rcond=None)[0]
    new = simulated(seed=5)
    again = model.encode(new, marginal, SELECTED, n_kept=3, rng=np.random.default_rng(0))
    assert again.shape == (3, 800, draws.shape[2])
    guess = np.column_stack([again.mean(axis=0), np.ones(800)]) @ direction
    assert np.corrcoef(guess, np.log1p(new.values[:, :8].sum(axis=1).A1 / new.totals * 1e3))[0, 1] > 0.9


def test_genes_in_few_cells_are_independent():
    cells = simulated(200)
    values = cells.values.tolil()
    values[:, 8] = 0
    values[:4, 8] = 1
    cells = Cells(values.tocsr(), cells.totals, cells.strata, cells.depth)
    model, _ = Decoder.fit(cells, marginal_of(cells), SELECTED, GIBBS, np.random.default_rng(0))
    assert (model.loadings[[8, 20]] == 0).all()
    assert (model.noise[[8, 20]] == 1).all()
    assert np.abs(model.loadings[9]).max() > 0.2


def test_pieces_do_not_change_the_distribution(fitted, monkeypatch):
    whole = decoded(fitted).toarray().mean(axis=0)
    monkeypatch.setattr(decoder_module, "BLOCK", 1000)
    pieces = decoded(fitted)
    assert pieces.shape == (800, 21)
    np.testing.assert_allclose(pieces.toarray().mean(axis=0), whole, rtol=0.2)


def test_censoring_places_true_scores_inside_their_intervals(fitted):
    cells, marginal, _, _ = fitted
    seen = censor(cells, marginal, np.array([3, 8]))
    assert seen.zero.shape == (800, 2)
    assert (seen.low < seen.high).all()
    assert (seen.low >= seen.zero[seen.rows, seen.columns] - 0.02).all()
    fractions = stats.norm.cdf(seen.zero).mean(axis=0)
    np.testing.assert_allclose(fractions, (cells.values[:, [3, 8]].toarray() == 0).mean(axis=0), atol=0.03)


def test_log_values_go_through_the_same_decoder():
    cells = simulated()
    logged = cells.values.multiply(1e4 / cells.totals[:, None]).log1p().tocsr().astype(np.float32)
    cells = Cells(logged, np.ones(800), cells.strata, np.zeros_like(cells.depth))
    marginal = marginal_of(cells, Hurdle)
    model, draws = Decoder.fit(cells, marginal, SELECTED, GIBBS, np.random.default_rng(0))
    made = decoded((cells, marginal, model, draws)).toarray()
    real = logged.toarray()
    np.testing.assert_allclose(made.mean(axis=0), real.mean(axis=0), rtol=0.1, atol=1e-6)
    for pair in [(0, 1), (14, 15)]:
        expected = np.corrcoef(real[:, pair[0]], real[:, pair[1]])[0, 1]
        assert np.corrcoef(made[:, pair[0]], made[:, pair[1]])[0, 1] == pytest.approx(expected, abs=0.15)
    # Genes outside the selection are like the others of their programme.
    shared = (model.loadings**2).sum(axis=1)
    assert shared[[8, 9]].mean() == pytest.approx(shared[:8].mean(), abs=0.1)


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
    loadings, _ = truth()
    exact = Factors.fit_given(continuous(scores), known)
    np.testing.assert_allclose(exact.loadings, loadings, atol=0.08)
    coarse = Factors.fit_given(censored(scores, 0.7), known)
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
