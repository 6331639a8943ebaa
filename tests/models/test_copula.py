"""The copula gives back the correlation that the cells have."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.stats import kstest, nbinom, poisson, spearmanr

from scgarage.errors import InputError
from scgarage.models import Copula, FitOptions
from scgarage.models.copula import (
    LARGEST,
    GaussianCopula,
    NegativeBinomialMarginals,
    fit_dispersion,
    normal_scores,
    shrunk_correlation,
)
from scgarage.nn import NegativeBinomial

QUIET = FitOptions(progress=False, accelerator="cpu")


@pytest.fixture(scope="module")
def cells():
    """Two types of cells; in type ``a`` the first two genes go together, in the small type ``b`` nothing is known."""
    rng = np.random.default_rng(0)
    shared = rng.gamma(2.0, 1.0, size=(2000, 1))
    rates = 4 * np.hstack([shared, shared, rng.gamma(2.0, 1.0, size=(2000, 10))])
    counts = rng.poisson(rates)
    labels = np.where(np.arange(2000) < 20, "b", "a")
    return ad.AnnData(
        sparse.csr_matrix(counts.astype(np.float32)), obs=pd.DataFrame({"type": labels}, index=map(str, range(2000)))
    )


@pytest.fixture(scope="module")
def made(cells):
    model = Copula().fit(cells, labels_key="type", validation=None, options=QUIET)
    return model, model.sample({"a": 4000, "b": 500})


def test_correlation_within_a_type_comes_back(cells, made):
    real, fake = cells[cells.obs["type"] == "a"].X.toarray(), made[1][made[1].obs["type"] == "a"].X.toarray()
    wanted, found = spearmanr(real).statistic, spearmanr(fake).statistic
    assert wanted[0, 1] > 0.6
    assert wanted[0, 1] - 0.1 < found[0, 1] < wanted[0, 1] + 0.03  # the randomised scores weaken it a little
    off = ~np.eye(12, dtype=bool)
    off[0, 1] = off[1, 0] = False
    assert np.abs(found - wanted)[off].max() < 0.1
    np.testing.assert_allclose(fake.mean(axis=0), real.mean(axis=0), rtol=0.06)


def test_small_types_are_independent(made):
    model, cells = made
    assert list(model.parts["copula"].n_genes) == [12, 0]
    found = spearmanr(cells[cells.obs["type"] == "b"].X.toarray()).statistic
    assert abs(found[0, 1]) < 0.15


def test_scores_of_the_right_marginals_are_standard_normal():
    rng = np.random.default_rng(1)
    marginals = NegativeBinomialMarginals(np.array([[0.5, 20.0]]), np.array([[0.5, 2.0]]))
    counts = marginals.draw(np.zeros(3000, dtype=int), slice(None), rng)
    scores = normal_scores(counts, 0, np.arange(2), marginals, rng)
    assert kstest(scores[:, 0], "norm").pvalue > 0.01
    assert kstest(scores[:, 1], "norm").pvalue > 0.01


def test_correlation_is_positive_definite_with_fewer_cells_than_genes():
    correlation = shrunk_correlation(np.random.default_rng(2).normal(size=(30, 80)))
    assert np.linalg.eigvalsh(correlation).min() > 0
    np.testing.assert_allclose(np.diag(correlation), 1)


def test_factors_of_types_of_different_size_are_kept_apart():
    matrices = [np.eye(2), np.empty((0, 0)), np.array([[1.0, 0.5, 0], [0.5, 1, 0], [0, 0, 1]])]
    genes = [np.array([3, 7]), np.empty(0, dtype=int), np.array([0, 1, 2])]
    copula = GaussianCopula.join(genes, matrices)
    for number in range(3):
        own, factor = copula.of_type(number)
        np.testing.assert_array_equal(own, genes[number])
        np.testing.assert_allclose(factor @ factor.T, matrices[number], atol=1e-6)


@pytest.mark.parametrize("settings", [{"min_expressed": 1.5}, {"min_cells": 2}])
def test_settings_out_of_range(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        Copula(**settings)


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(0)
    theta, mean = np.array([0.2, 1.0, 5.0, 50.0]), np.array([0.5, 4.0, 10.0, 30.0])
    return rng.poisson(rng.gamma(theta, mean / theta, size=(3000, 4))).astype(np.float32), theta, mean


def negative_log_likelihood(log_theta, counts):
    theta, mean = np.exp(log_theta), counts.mean()
    return -nbinom.logpmf(counts, theta, theta / (theta + mean)).sum()


def test_dispersion_is_scipys_maximum(counts):
    values, theta, _ = counts
    found = fit_dispersion(sparse.csc_matrix(values))
    wanted = [
        np.exp(minimize_scalar(negative_log_likelihood, bounds=(-8, 8), args=(column,), method="bounded").x)
        for column in values.T
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-3)
    np.testing.assert_allclose(found, theta, rtol=0.3)


def test_underdispersed_and_silent_genes_are_poisson():
    values = np.array([[1.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    np.testing.assert_array_equal(fit_dispersion(sparse.csc_matrix(values)), [LARGEST, LARGEST])


def test_likelihood_of_the_networks_is_the_same_distribution(counts):
    values, theta, mean = counts
    ours = NegativeBinomial(torch.tensor(mean), torch.tensor(theta)).log_prob(torch.tensor(values[:50]).double())
    np.testing.assert_allclose(ours, nbinom.logpmf(values[:50], theta, theta / (theta + mean)), rtol=1e-8)


def test_probabilities_and_quantiles_are_scipys(counts):
    values, _, _ = counts
    labels = np.repeat([0, 1], len(values) // 2)
    marginals = NegativeBinomialMarginals.fit(sparse.csr_matrix(values), labels, 2)
    mean, theta = marginals.mean[1, 2].astype(float), marginals.dispersion[1, 2].astype(float)
    reference = nbinom(theta, theta / (theta + mean))
    c = np.arange(1.0, 30.0)
    ones, genes = np.ones(29, dtype=int), np.full(29, 2)
    low, high = marginals.intervals(c, ones, genes)
    np.testing.assert_allclose(low, reference.cdf(c - 1), rtol=1e-9)
    np.testing.assert_allclose(high, reference.cdf(c), rtol=1e-9)
    np.testing.assert_allclose(marginals.zero_level(np.array([1]), np.array([2])), [[reference.pmf(0)]])
    np.testing.assert_array_equal(marginals.quantiles((low + high) / 2, ones, genes), c)


def test_poisson_end_of_the_range():
    marginals = NegativeBinomialMarginals(np.array([[2.0]]), np.array([[LARGEST]]))
    zero = np.zeros(5, dtype=int)
    low, high = marginals.intervals(np.arange(1.0, 6.0), zero, zero)
    np.testing.assert_allclose(high, poisson(2.0).cdf(np.arange(1, 6)), atol=1e-5)
    np.testing.assert_allclose(low, poisson(2.0).cdf(np.arange(5)), atol=1e-5)


def test_draws_have_the_moments(counts):
    values, _, _ = counts
    marginals = NegativeBinomialMarginals.fit(sparse.csr_matrix(values), np.zeros(len(values), dtype=int), 1)
    drawn = marginals.draw(np.zeros(20_000, dtype=int), slice(None), np.random.default_rng(1)).toarray()
    np.testing.assert_allclose(drawn.mean(axis=0), values.mean(axis=0), rtol=0.06)
    np.testing.assert_allclose(drawn.var(axis=0), values.var(axis=0), rtol=0.25)


def test_cells_in_another_order_give_the_same(counts):
    values, _, _ = counts
    order = np.random.default_rng(2).permutation(len(values))
    np.testing.assert_allclose(
        fit_dispersion(sparse.csc_matrix(values)), fit_dispersion(sparse.csc_matrix(values[order])), rtol=1e-6
    )
