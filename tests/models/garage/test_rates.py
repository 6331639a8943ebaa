"""Counts at other rates are distributed as if drawn there."""

import numpy as np
import pytest
import torch
from scipy import sparse, stats

import scgarage as sg
from scgarage.models.garage.mixture import GRID, SHAPE
from scgarage.models.garage.rates import RateLaw, Structure

N = 20_000


def law_of(expected, weights, grid, shape):
    one = np.full((1, 1), expected, dtype=np.float32)
    w = np.asarray(weights, dtype=np.float32)[None, None]
    a = np.full((1, 1), shape, dtype=np.float32)
    return RateLaw(np.zeros(N, np.int64), np.ones(N), np.zeros(N), one, 0 * one, w, np.asarray(grid), a)


MIXTURE = np.where(np.isin(np.arange(len(GRID)), (0, 8, 14)), [1 / 3], 0.0)
LAWS = {
    "negative binomial, few": (0.3, [1.0], [1.0], 0.8),
    "negative binomial, many": (40.0, [1.0], [1.0], 2.0),
    "mixture, few": (0.2, MIXTURE, GRID, SHAPE),
    "mixture, many": (30.0, MIXTURE, GRID, SHAPE),
}


def drawn(expected, weights, grid, shape, rng):
    chosen = rng.choice(len(grid), N, p=np.asarray(weights) / np.sum(weights))
    mean = expected * np.asarray(grid)[chosen]
    return rng.poisson(rng.gamma(shape, mean / shape)).astype(np.float32)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_changed_counts_are_distributed_as_those_drawn_at_the_other_rate(name, factor):
    rng = np.random.default_rng(0)
    settings = LAWS[name]
    counts = drawn(*settings, rng)
    made, _ = law_of(*settings).at(
        sparse.csr_matrix(counts[:, None]), np.full((1, 1), np.log(factor), np.float32), np.zeros(N, np.int64),
        np.zeros(N), rng,
    )  # fmt: skip
    there = drawn(settings[0] * factor, *settings[1:], rng)
    found = made.toarray().ravel()
    edges = np.unique(np.quantile(np.concatenate([found, there]), np.linspace(0, 1, 12)))
    table = [np.histogram(values, [*edges, np.inf])[0] for values in (found, there)]
    table = np.array(table)[:, np.sum(table, axis=0) > 0]
    assert stats.chi2_contingency(table).pvalue > 1e-3


@pytest.mark.parametrize("name", LAWS)
def test_counts_are_poisson_around_the_rates_drawn_for_them(name):
    rng = np.random.default_rng(1)
    counts = drawn(*LAWS[name], rng)
    same, rates = law_of(*LAWS[name]).at(
        sparse.csr_matrix(counts[:, None]), np.zeros((1, 1), np.float32), np.zeros(N, np.int64), np.zeros(N), rng,
        expected=True,
    )  # fmt: skip
    np.testing.assert_array_equal(same.toarray().ravel(), counts)
    away = counts - rates.ravel()
    assert abs(away.mean()) < 4 * np.sqrt(rates.mean() / N)
    assert (away**2).mean() == pytest.approx(rates.mean(), rel=0.1)


@pytest.fixture(scope="module", params=["garage", "copula"])
def model(request):
    cells = sg.datasets.simulate(400, 60, 3, 0.05, depth=600)
    settings = {"n_factors": 4, "n_sweeps": 3, "n_kept": 2} if request.param == "garage" else {}
    return sg.models.MODELS[request.param](**settings).fit(cells, labels_key="cell_type")


def draw(model, n, structure):
    return model.draw_rated(n, torch.Generator().manual_seed(0), np.random.default_rng(0), structure)


def test_cells_with_their_rates_are_those_that_sample_makes(model):
    made, law = draw(model, 200, Structure())
    assert (made.values != model.sample(200).X).nnz == 0
    assert law.strata.shape == law.totals.shape == (200,)


@pytest.mark.parametrize("structure", [Structure(homogeneous=True), Structure(strength=np.zeros(60, np.float32))])
def test_other_structures_keep_the_marginals(model, structure):
    plain, _ = draw(model, {"type_1": 3000}, Structure())
    other, _ = draw(model, {"type_1": 3000}, structure)
    a, b = (x.values.mean(axis=0).A1 for x in (plain, other))
    np.testing.assert_allclose(b, a, rtol=0.15, atol=0.15)


def test_genes_without_strength_go_with_nothing(model):
    strength = np.ones(60, np.float32)
    strength[:30] = 0
    made, _ = draw(model, {"type_1": 3000}, Structure(strength=strength))
    values = made.values.toarray()
    scaled = np.log1p(1e3 * values / values.sum(axis=1, keepdims=True))
    own = np.corrcoef(scaled[:, :30].T)[np.triu_indices(30, 1)]
    assert np.abs(np.nanmean(own)) < 0.05
