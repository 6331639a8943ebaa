import numpy as np
import pytest
from scipy import stats

from scgarage.errors import InputError
from scgarage.plotting import gene_correlations, rank_correlations


def test_correlations_are_those_of_scipy():
    values = np.random.default_rng(0).poisson(2.0, size=(50, 6)).astype(float)
    np.testing.assert_allclose(rank_correlations(values), stats.spearmanr(values).statistic, atol=1e-12)


def test_monotone_changes_leave_the_ranks_alone_and_a_constant_gene_has_none():
    values = np.random.default_rng(0).normal(size=(30, 4))
    np.testing.assert_allclose(rank_correlations(np.exp(values)), rank_correlations(values), atol=1e-12)
    values[:, 2] = 1.0
    assert rank_correlations(values)[2].tolist() == [0, 0, 1, 0]


def test_panels_share_the_order_of_genes_and_name_the_difference():
    first = rank_correlations(np.random.default_rng(0).normal(size=(30, 8)))
    second = rank_correlations(np.random.default_rng(1).normal(size=(30, 8)))
    left, right, _ = gene_correlations({"real": first, "synthetic": second}).axes
    shown = [np.asarray(ax.images[0].get_array()) for ax in (left, right)]
    order = [int(np.flatnonzero(np.isclose(np.sort(first, axis=1), np.sort(row)).all(axis=1))[0]) for row in shown[0]]
    np.testing.assert_allclose(shown[1], second[np.ix_(order, order)])
    error = np.abs(second - first)[np.triu_indices(8, 1)].mean()
    assert right.get_xlabel() == f"mean |Δρ| = {error:.3f}"


def test_other_genes_and_too_few_are_refused():
    with pytest.raises(InputError, match="same genes"):
        gene_correlations({"real": np.eye(4), "synthetic": np.eye(5)})
    with pytest.raises(InputError, match="at least 3"):
        gene_correlations({"real": np.eye(2)})
