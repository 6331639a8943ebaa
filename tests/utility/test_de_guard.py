import numpy as np
import pytest

from scgarage.datasets import simulate
from scgarage.errors import InputError
from scgarage.judge.rare import de_null_check, poisson_by_type


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
