import numpy as np
import pytest
from scipy import sparse
from scipy.stats import mannwhitneyu

from scgarage.analyses import marker_tests, positive_rates
from scgarage.errors import InputError

GENES = np.array([f"g{i}" for i in range(8)])
MARKERS = {"a": ("g5", "g1", "absent"), "b": ("g1",), "gone": ("absent",)}


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    values = np.log1p(rng.poisson(1.0, (30, 8)) * 100.0)
    top, bottom = np.arange(30) < 8, np.arange(30) >= 20
    values[top, 5] += 3
    return values, (top, bottom)


def test_fold_changes_and_p_values_are_those_of_each_gene_alone(cells):
    values, (top, bottom) = cells
    table = marker_tests(sparse.csr_matrix(values), GENES, MARKERS, (top, bottom))
    assert table[["type", "gene"]].to_numpy().tolist() == [["a", "g5"], ["a", "g1"], ["b", "g1"]]
    for _, row in table.iterrows():
        gene = int(row["gene"][1:])
        high, low = np.expm1(values[top, gene]).mean(), np.expm1(values[bottom, gene]).mean()
        np.testing.assert_allclose(row["log2_fold_change"], np.log2((1 + high) / (1 + low)))
        p = mannwhitneyu(values[top, gene], values[bottom, gene], method="asymptotic").pvalue
        np.testing.assert_allclose(row["p_value"], p)
    assert (table["q_value"] >= table["p_value"]).all()


def test_exchanging_the_groups_turns_the_sign(cells):
    values, (top, bottom) = cells
    log_expr = sparse.csr_matrix(values)
    one, other = (marker_tests(log_expr, GENES, MARKERS, pair) for pair in ((top, bottom), (bottom, top)))
    np.testing.assert_allclose(one["log2_fold_change"], -other["log2_fold_change"])
    np.testing.assert_allclose(one["p_value"], other["p_value"])


def test_positive_rates_are_means_over_the_markers(cells):
    values, (top, bottom) = cells
    table = positive_rates(sparse.csr_matrix(values), GENES, MARKERS, (top, bottom)).set_index("type")
    assert list(table.index) == ["a", "b"]
    np.testing.assert_allclose(table.loc["a", "rate_top"], (values[top][:, [5, 1]] > 0).mean())
    np.testing.assert_allclose(table.loc["a", "rate_all"], (values[:, [5, 1]] > 0).mean())
    assert table.loc["a", "n_markers"] == 2


def test_an_empty_group_is_refused_and_no_known_marker_is_no_row(cells):
    values, (top, bottom) = cells
    with pytest.raises(InputError, match="cells in both"):
        marker_tests(sparse.csr_matrix(values), GENES, MARKERS, (top, np.zeros_like(bottom)))
    assert marker_tests(sparse.csr_matrix(values), GENES, {"x": ("absent",)}, (top, bottom)).empty
