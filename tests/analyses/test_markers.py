import numpy as np
import pytest
from scipy import sparse
from scipy.stats import hypergeom, mannwhitneyu, ttest_ind

from scgarage.analyses import CBMC_MARKERS, find_markers, marker_tests, positive_rates, read_markers
from scgarage.analyses.markers import corrected, type_enrichment
from scgarage.errors import InputError

LABELS = np.repeat(["a", "b", "c"], [6, 10, 14])


def groups(n_top: int = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    order = rng.permutation(len(LABELS))
    top, bottom = np.zeros((2, len(LABELS)), dtype=bool)
    top[order[:n_top]], bottom[order[-n_top:]] = True, True
    return top, bottom


def test_p_value_is_the_sum_of_tables_no_more_likely_than_the_one_found():
    top, bottom = groups()
    table = type_enrichment(LABELS, top, bottom, rare=np.array(["a"])).set_index("type")
    for name in "abc":
        in_top, both = int((LABELS[top] == name).sum()), int((LABELS[top | bottom] == name).sum())
        chances = hypergeom(20, both, 10).pmf(np.arange(both + 1))
        expected = chances[chances <= chances[in_top] * (1 + 1e-9)].sum()
        assert table.loc[name, "n_top"] == in_top
        np.testing.assert_allclose(table.loc[name, "p_value"], expected)
    assert table["rare"].to_dict() == {"a": True, "b": False, "c": False}


def test_exchanging_the_groups_inverts_the_odds_and_keeps_the_p_values():
    top, bottom = groups()
    one, other = (type_enrichment(LABELS, *pair, rare=np.array([])) for pair in ((top, bottom), (bottom, top)))
    np.testing.assert_allclose(one["p_value"], other["p_value"])
    np.testing.assert_allclose(one["odds_ratio"], 1 / other["odds_ratio"])


def test_q_values_are_benjamini_and_hochbergs():
    p = np.array([0.01, 0.04, 0.03, 0.5])
    np.testing.assert_allclose(corrected(p), [0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert len(corrected(np.empty(0))) == 0


def test_overlapping_or_empty_groups_are_refused():
    top, bottom = groups()
    for pair in ((top, top), (top, np.zeros_like(bottom)), (top[:5], bottom)):
        with pytest.raises(InputError, match="without a common cell"):
            type_enrichment(LABELS, *pair, rare=np.array([]))


def test_json_and_csv_give_the_same_table(tmp_path):
    (tmp_path / "m.json").write_text('{"NK": ["NKG7", "GNLY", "NKG7"], "B": ["MS4A1"], "empty": []}')
    (tmp_path / "m.csv").write_text("type,gene\nNK,NKG7\nNK,GNLY\nB,MS4A1\n")
    expected = {"NK": ("NKG7", "GNLY"), "B": ("MS4A1",)}
    assert read_markers(tmp_path / "m.json") == expected
    assert read_markers(tmp_path / "m.csv") == expected


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("m.txt", "x", "json or .csv"),
        ("m.json", "{", "no JSON"),
        ("m.json", '["NKG7"]', "another form"),
        ("m.json", "{}", "no marker"),
        ("m.csv", "cell,gene\nNK,NKG7\n", "'type' and 'gene'"),
        ("m.csv", "", "no CSV"),
    ],
)
def test_other_files_are_refused(name, content, text, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=text):
        read_markers(tmp_path / name)
    with pytest.raises(InputError, match="no marker table"):
        read_markers(tmp_path / "absent.csv")


def test_markers_are_the_genes_of_largest_welch_t():
    rng = np.random.default_rng(0)
    values = rng.gamma(1.0, size=(40, 12)) * (rng.random((40, 12)) < 0.6)
    labels = np.repeat(["a", "b"], [15, 25])
    values[labels == "a", :3] += 2
    values[:, 11] = 0
    genes = np.array([f"g{i}" for i in range(12)])
    t = ttest_ind(values[labels == "a", :11], values[labels == "b", :11], equal_var=False).statistic
    expected = genes[:11][np.argsort(-t)[:4]]
    assert find_markers(sparse.csr_matrix(values), labels, genes, n_markers=4)["a"] == tuple(expected)


def test_markers_do_not_depend_on_the_order_of_cells_and_need_two_types():
    rng = np.random.default_rng(1)
    values, labels = sparse.csr_matrix(rng.random((20, 6))), np.repeat(["a", "b", "c"], [9, 10, 1])
    genes, order = np.array(list("uvwxyz")), rng.permutation(20)
    found = find_markers(values, labels, genes)
    assert found == find_markers(values[order], labels[order], genes)
    assert "c" not in found
    with pytest.raises(InputError, match="1 type"):
        find_markers(values, np.full(20, "a"), genes)


def test_built_in_table_has_the_ten_types_of_cord_blood():
    assert len(CBMC_MARKERS) == 10
    assert CBMC_MARKERS["Mk"] == ("PPBP", "PF4", "ITGA2B", "GP9", "GP1BA")


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
