import numpy as np
import pytest
from scipy import sparse
from scipy.stats import ttest_ind

from scgarage.analyses import CBMC_MARKERS, find_markers, read_markers
from scgarage.errors import InputError


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
