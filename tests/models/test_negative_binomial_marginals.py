"""Negative binomial genes against scipy and against samples of known dispersion."""

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.stats import nbinom, poisson

from scgarage.models.copula import LARGEST, NegativeBinomialMarginals, fit_dispersion
from scgarage.nn import NegativeBinomial


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
