import numpy as np
import pytest
from scipy import stats

from scgarage.datasets import simulate
from scgarage.errors import InputError
from scgarage.judge.rare import de_null_check, poisson_by_type, wilcoxon


@pytest.fixture(scope="module")
def cells():
    return simulate(n_cells=300, n_genes=150, n_types=4, rare_fraction=0.04, random_state=1)


@pytest.fixture(scope="module")
def check(cells):
    return de_null_check(cells, poisson_by_type("cell_type"), labels_key="cell_type", n_runs=6)


def test_synthetic_cells_make_differences_where_there_are_none(check):
    shares = check.shares()
    assert shares.loc["real only", "genes_called"] < 0.02
    assert shares.loc["real and synthetic", "genes_called"] > 0.1
    assert shares.loc["real and synthetic", "runs_with_a_call"] == 1
    assert "keep them out of tests" in check.sentence()
    assert f"{shares.loc['real and synthetic', 'genes_called']:.1%}" in check.sentence()


def test_table_says_what_was_tested(check):
    table = check.table
    assert len(table) == 12
    assert "rare" not in set(table["type"])
    assert table["type"].nunique() == 3
    assert table["n_synthetic"].tolist() == [0, 100] * 6
    np.testing.assert_allclose(table["share"], table["n_called"] / table["n_genes"])


def test_more_real_cells_instead_of_synthetic_ones_call_nothing(cells):
    hidden = cells.copy()

    def oracle(train, wanted, seed):
        """Give real cells of the type that the run did not use."""
        used = set(train.obs_names)
        name = next(iter(wanted)).removesuffix(" (first half)")
        fresh = hidden[(hidden.obs["cell_type"] == name).to_numpy() & ~hidden.obs_names.isin(used)]
        fresh = fresh[: 2 * (fresh.n_obs // 2)].copy()
        fresh.obs["cell_type"] = np.repeat(list(wanted), fresh.n_obs // 2)
        return fresh

    check = de_null_check(cells, oracle, labels_key="cell_type", n_runs=6)
    assert check.shares()["genes_called"].max() < 0.02


def test_the_generator_sees_the_two_groups_and_no_other_cell_of_the_type(cells):
    seen = []

    def spy(train, wanted, seed):
        seen.append((train.obs["cell_type"].value_counts(), wanted))
        return poisson_by_type("cell_type")(train, wanted, seed)

    de_null_check(cells, spy, labels_key="cell_type", n_real=7, n_synthetic=20, n_runs=1)
    sizes, wanted = seen[0]
    assert wanted == {"type_1 (first half)": 20, "type_1 (second half)": 20}
    assert all(sizes[name] == 7 for name in wanted)
    assert "type_1" not in sizes
    assert len(sizes) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_real": 1}, "n_real is 1"),
        ({"n_synthetic": 0}, "n_synthetic is 0"),
        ({"n_runs": 0}, "n_runs is 0"),
        ({"n_real": 200}, "no type has 2 x 200 cells"),
    ],
)
def test_arguments_without_sense_are_refused(cells, arguments, message):
    with pytest.raises(InputError, match=message):
        de_null_check(cells, poisson_by_type("cell_type"), labels_key="cell_type", **arguments)


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
