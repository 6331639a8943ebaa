import gzip

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from scgarage.datasets import simulate
from scgarage.errors import InputError
from scgarage.io import read


@pytest.fixture(scope="module")
def table():
    adata = simulate(40, 30, 3, 0.1, depth=40)
    return pd.DataFrame(adata.X.toarray().astype(int), index=adata.obs_names, columns=adata.var_names)


def same(adata, table):
    np.testing.assert_array_equal(adata.X.toarray() if sp.issparse(adata.X) else adata.X, table.to_numpy())
    assert adata.obs_names.tolist() == list(table.index)
    assert adata.var_names.tolist() == list(table.columns)


@pytest.mark.parametrize(
    ("name", "separator"),
    [("a.csv", ","), ("a.tsv", "\t"), ("a.tab", "\t"), ("a.csv.gz", ","), ("a.tsv.gz", "\t"), ("A.CSV", ",")]
    + [(f"a.txt{gz}", separator) for separator in ",;\t " for gz in ("", ".gz")],
)
def test_every_name_and_delimiter(table, tmp_path, name, separator):
    table.to_csv(tmp_path / name, sep=separator, index_label="cell")
    same(read(tmp_path / name, genes_as="columns"), table)


def test_genes_as_rows_is_the_transpose(table, tmp_path):
    table.T.to_csv(tmp_path / "a.csv")
    same(read(tmp_path / "a.csv", genes_as="rows"), table)


def test_mostly_zero_values_are_sparse_and_others_dense(table, tmp_path):
    (table > 5).astype(int).to_csv(tmp_path / "a.csv")
    assert isinstance(read(tmp_path / "a.csv", genes_as="columns").X, sp.csr_matrix)
    (table + 1).T.to_csv(tmp_path / "a.csv")
    found = read(tmp_path / "a.csv", genes_as="rows").X
    assert isinstance(found, np.ndarray)
    assert found.flags.c_contiguous
    assert found.dtype == np.float32


@pytest.mark.parametrize("genes_as", [None, "row"])
def test_the_orientation_must_be_said(table, tmp_path, genes_as):
    table.to_csv(tmp_path / "a.csv")
    with pytest.raises(InputError, match='pass genes_as="rows" when each line is a gene'):
        read(tmp_path / "a.csv", genes_as=genes_as)


def test_without_header_names_are_made(table, tmp_path):
    table.to_csv(tmp_path / "a.csv", header=False, index=False)
    found = read(tmp_path / "a.csv", genes_as="columns", header=False)
    np.testing.assert_array_equal(found.X.toarray(), table.to_numpy())
    assert found.obs_names[[0, -1]].tolist() == ["cell_00", "cell_39"]
    assert found.var_names[[0, -1]].tolist() == ["gene_00", "gene_29"]
    with pytest.warns(UserWarning, match="the rows look like genes"):
        transposed = read(tmp_path / "a.csv", genes_as="rows", header=False)
    np.testing.assert_array_equal(transposed.X.toarray(), table.to_numpy().T)
    assert transposed.var_names[-1] == "gene_39"


def test_without_header_names_in_the_first_column_are_taken(table, tmp_path):
    table.to_csv(tmp_path / "a.csv", header=False)
    found = read(tmp_path / "a.csv", genes_as="columns", header=False)
    assert found.obs_names.tolist() == list(table.index)
    assert found.n_vars == 30


def test_header_without_row_names(table, tmp_path):
    table.to_csv(tmp_path / "a.csv", index=False)
    found = read(tmp_path / "a.csv", genes_as="columns")
    assert found.var_names.tolist() == list(table.columns)
    assert found.obs_names[0] == "cell_00"


def test_header_without_a_field_above_the_row_names(table, tmp_path):
    lines = table.to_csv(sep="\t").splitlines()
    (tmp_path / "a.txt").write_text("\n".join([lines[0].removeprefix("\t"), *lines[1:]]) + "\n")
    same(read(tmp_path / "a.txt", genes_as="columns"), table)


def test_numbers_as_row_names_are_names_under_an_empty_corner_or_when_said(table, tmp_path):
    numbered = table.set_axis([str(number) for number in range(7, 47)])
    numbered.to_csv(tmp_path / "a.csv")
    same(read(tmp_path / "a.csv", genes_as="columns"), numbered)
    numbered.to_csv(tmp_path / "a.csv", index_label="id")
    same(read(tmp_path / "a.csv", genes_as="columns", row_names=True), numbered)
    assert read(tmp_path / "a.csv", genes_as="columns").var_names[0] == "id"


def test_names_stay_as_they_are(tmp_path):
    names = ["NA", "nan", "A", "A", "1", "007", 'x"y,z']
    table = pd.DataFrame(np.eye(7, dtype=int) * 2 + 1, index=names, columns=names)
    table.to_csv(tmp_path / "a.csv")
    with pytest.warns(UserWarning, match="not unique"):
        same(read(tmp_path / "a.csv", genes_as="columns"), table)


def test_byte_order_mark_and_windows_lines(table, tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + table.to_csv(lineterminator="\r\n").encode())
    same(read(tmp_path / "a.csv", genes_as="columns"), table)


def test_blocks_of_lines_are_joined_in_order(table, tmp_path, monkeypatch):
    monkeypatch.setattr("scgarage.io.tables._CHUNK_VALUES", 100)
    table.to_csv(tmp_path / "a.csv")
    same(read(tmp_path / "a.csv", genes_as="columns"), table)


def test_fractions_and_large_counts_are_kept(tmp_path):
    pd.DataFrame([[2**24 + 1, 1], [3, 4]]).to_csv(tmp_path / "a.csv")
    assert read(tmp_path / "a.csv", genes_as="columns").X[0, 0] == 2**24 + 1
    pd.DataFrame([[0.25, 1.5], [3.125, 4.5]]).to_csv(tmp_path / "a.csv")
    assert read(tmp_path / "a.csv", genes_as="columns").X.tolist() == [[0.25, 1.5], [3.125, 4.5]]


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        (",a,b\nx,1,\ny,3,4\n", {}, r"line 2, column 3 \('b'\) holds 'nan'"),
        (",a,b\nx,1,2\ny,3\n", {}, "line 3, column 3"),
        (",a,b\nx,1,2\ny,3,B cell\n", {}, r"line 3, column 3 \('b'\) holds 'B cell'.*labels="),
        (",a,b\nx,1,2\ny,3,4,5\n", {}, "cannot be read as a table of numbers"),
        (",a,b\n", {}, "no line of values below its header"),
        ("\n", {}, "no line of values"),
        ("a,b,c,d\nx,1\n", {}, "the header has 4 fields and the next line 2"),
        (";a;b\nx;1;2\n", {}, "split at ','; pass another delimiter="),
        (",a,b\nx,1,2\n", {"header": False}, r"holds text \('a'\).*pass header=True"),
        ("0,3,0\n1,0,2\n", {}, "pass header=False"),
        (",a,b\nx,1,inf\n", {}, "infinite"),
    ],
)
def test_bad_tables_are_refused_with_the_place(tmp_path, text, options, expected):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=expected) as caught:
        read(tmp_path / "a.csv", genes_as="columns", **options)
    assert "a.csv" in str(caught.value)


def test_truncated_and_foreign_compressed_files_are_refused(table, tmp_path):
    packed = gzip.compress(table.to_csv().encode())
    (tmp_path / "a.csv.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "b.csv.gz").write_text(table.to_csv())
    (tmp_path / "c.csv").write_bytes(packed)
    for name in ("a.csv.gz", "b.csv.gz", "c.csv"):
        with pytest.raises(InputError, match=f"{name} cannot be read as a table of numbers"):
            read(tmp_path / name, genes_as="columns")


def test_delimiter_of_the_user_wins(table, tmp_path):
    table.to_csv(tmp_path / "a.csv", sep=";")
    same(read(tmp_path / "a.csv", genes_as="columns", delimiter=";"), table)
