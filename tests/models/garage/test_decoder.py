import numpy as np
import pytest
from scipy import sparse, stats

from scgarage.models.garage import factors as decoder_module
from scgarage.models.garage.factors import Cells, Decoder, GibbsSettings, censor
from scgarage.models.garage.marginals import Hurdle, PoissonMixture
from scgarage.models.garage.strata import Depth

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
    for pair in [(0, 1), (0, 8), (14, 15)]:
        expected = np.corrcoef(real[:, pair[0]], real[:, pair[1]])[0, 1]
        assert np.corrcoef(made[:, pair[0]], made[:, pair[1]])[0, 1] == pytest.approx(expected, abs=0.12)
