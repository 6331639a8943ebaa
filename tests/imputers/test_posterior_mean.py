import numpy as np
import pytest
from scipy import sparse

import scgarage as sg
from scgarage.errors import InputError
from scgarage.imputation.base import IMPUTED, IMPUTED_SD
from scgarage.imputation.posterior_mean import PosteriorMean

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
