import numpy as np
import pytest
from scipy import stats

from scgarage.errors import InputError
from scgarage.judge.rare import wilcoxon


@pytest.fixture
def groups():
    rng = np.random.default_rng(0)
    return rng.poisson(0.4, size=(30, 12)).astype(float), rng.poisson(0.7, size=(25, 12)).astype(float)


def test_matches_the_formula_with_ties(groups):
    first, second = groups
    n_first, n_second, n_cells = 30, 25, 55
    for gene, p_value in enumerate(wilcoxon(first, second)):
        values = np.r_[first[:, gene], second[:, gene]]
        ranks = stats.rankdata(values)
        larger = ranks[:n_first].sum() - n_first * (n_first + 1) / 2
        ties = np.unique(values, return_counts=True)[1].astype(float)
        spread = n_cells + 1 - (ties**3 - ties).sum() / (n_cells * (n_cells - 1))
        z = (abs(larger - n_first * n_second / 2) - 0.5) / np.sqrt(n_first * n_second / 12 * spread)
        assert p_value == pytest.approx(min(2 * stats.norm.sf(z), 1))


def test_order_of_cells_and_groups_and_monotone_changes_do_not_matter(groups):
    first, second = groups
    p_values = wilcoxon(first, second)
    np.testing.assert_allclose(wilcoxon(second, first[::-1]), p_values)
    np.testing.assert_allclose(wilcoxon(np.log1p(first), np.log1p(second)), p_values)


def test_a_constant_gene_has_the_p_value_one():
    assert wilcoxon(np.zeros((4, 2)), np.zeros((3, 2))).tolist() == [1.0, 1.0]
    assert wilcoxon(np.c_[np.zeros(9), np.arange(9.0)], np.c_[np.zeros(9), np.arange(9.0) + 20])[0] == 1


def test_level_is_kept_where_nothing_differs():
    rng = np.random.default_rng(2)
    p_values = wilcoxon(rng.poisson(1.0, size=(40, 4000)), rng.poisson(1.0, size=(40, 4000)))
    assert (p_values < 0.05).mean() == pytest.approx(0.05, abs=0.012)


@pytest.mark.parametrize(("first", "second"), [((0, 3), (4, 3)), ((4, 3), (4, 2)), ((4,), (4,))])
def test_unusable_groups_are_refused(first, second):
    with pytest.raises(InputError, match="the groups have shapes"):
        wilcoxon(np.zeros(first), np.zeros(second))
