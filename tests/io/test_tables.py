import gzip

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

from scgarage.datasets import simulate
from scgarage.errors import InputError
from scgarage.io import read
from scgarage.io.tables import as_text_labels

CELLS = ["c1", "c2", "c3", "c4"]
LABELS = ["T", "B", "NA", "T"]


@pytest.fixture
def table_labels(tmp_path):
    path = tmp_path / "cells.csv"
    pd.DataFrame([[1, 2], [0, 3], [4, 0], [5, 1]], index=CELLS, columns=["g1", "g2"]).to_csv(path)
    return path


def labelled(table_labels, text, name="labels.csv", **options):
    path = table_labels.with_name(name)
    path.write_text(text)
    return read(table_labels, genes_as="columns", labels=path, **options).obs


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("T\nB\nNA\nT\n", "labels.csv"),
        ("cluster\nT\nB\nNA\nT\n", "labels.csv"),
        ("T\nB\n\nT\n\n\n", "labels.txt"),
        ("c1,T\nc2,B\nc3,NA\nc4,T\n", "labels.csv"),
        ("cell,type\nc1,T\nc2,B\nc3,NA\nc4,T\n", "labels.csv"),
        ("c4,T\nc2,B\nc3,\nc1,T\n", "labels.csv"),
        ("cell\ttype\nc0\tX\nc4\tT\nc2\tB\nc3\tNaN\nc1\tT\n", "labels.tsv"),
        ("type\nc4\tT\nc2\tB\nc3\tNaN\nc1\tT\n", "labels.tsv"),
        (",x\n0,T\n1,B\n2,NA\n3,T\n", "labels.csv"),
        ("1,T\n2,B\n3,NA\n4,T\n", "labels.csv"),
        ('cell,age,cell_type\nc1,3,T\nc3,1,\nc4,1,"T"\nc2,2,B\n', "labels.csv"),
    ],
)
def test_every_form_gives_the_same_labels(table_labels, text, name):
    labels = labelled(table_labels, text, name)["cell_type"]
    assert labels.astype(object).fillna("missing").tolist() == ["T", "B", "missing", "T"]
    assert labels.cat.categories.tolist() == ["B", "T"]
    assert labels.index.tolist() == CELLS


def test_the_column_called_labels_key_is_chosen(table_labels):
    text = "cell,cell_type,other\nc1,a,1\nc2,a,2\nc3,b,1\nc4,b,2\n"
    assert labelled(table_labels, text, labels_key="other")["other"].tolist() == ["1", "2", "1", "2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("T\nB\n", "has 2 labels in one column and the expression data 4 cells"),
        ("a\nb\nc\nd\ne\nf\n", "has 6 labels in one column and the expression data 4 cells"),
        ("c1,T\nc2,B\nc9,B\nc4,T\n", "no label for 1 of 4 cells, such as 'c3'"),
        ("c1,T\nc1,B\nc3,B\nc4,T\n", "names a cell twice: 'c1'"),
        ("cell,a,b\nc1,1,2\nc2,1,2\nc3,1,2\nc4,1,2\n", "none is called 'cell_type'; pass labels_key= one of: 'a', 'b'"),
        ("c1,T\nc2,B,x\nc3,B\nc4,T\n", "different numbers of fields"),
        ("\n\n", "holds no labels"),
        ("", "is empty"),
    ],
)
def test_labels_that_do_not_fit_are_refused(table_labels, text, expected):
    with pytest.raises(InputError, match=expected):
        labelled(table_labels, text)


def test_a_missing_label_file_is_named(table_labels):
    with pytest.raises(InputError, match=r"label file .*none\.csv does not exist"):
        read(table_labels, genes_as="columns", labels=table_labels.with_name("none.csv"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["b", "a", "b"], ["b", "a", "b"]),
        ([1, 2, 1], ["1", "2", "1"]),
        ([1.0, np.nan, 3.0], ["1", None, "3"]),
        ([True, False, True], ["True", "False", "True"]),
        (["b", None, "a"], ["b", None, "a"]),
        (pd.Categorical([3, 1, 3]), ["3", "1", "3"]),
        (pd.array(["x", pd.NA, "y"], dtype="string"), ["x", None, "y"]),
    ],
)
def test_labels_become_categories_of_text(values, expected):
    found = as_text_labels(pd.Series(values))
    assert isinstance(found.dtype, pd.CategoricalDtype)
    assert [None if pd.isna(label) else label for label in found] == expected
    assert all(isinstance(category, str) for category in found.cat.categories)


@pytest.mark.parametrize("values", [np.linspace(0, 1, 5), np.arange(500)])
def test_measurements_stay_numbers(values):
    pd.testing.assert_series_equal(as_text_labels(pd.Series(values)), pd.Series(values))


def test_categories_that_differ_in_type_only_are_kept_apart_or_joined():
    mixed = pd.Series(pd.Categorical([1, "1", 2]))
    assert as_text_labels(mixed).tolist() == ["1", "1", "2"]
    adata = AnnData(np.ones((3, 1)), obs=pd.DataFrame({"a": as_text_labels(mixed).to_numpy()}, index=list("xyz")))
    assert adata.obs["a"].nunique() == 2


@pytest.fixture(scope="module")
def table_tables():
    adata = simulate(40, 30, 3, 0.1, depth=40)
    return pd.DataFrame(adata.X.toarray().astype(int), index=adata.obs_names, columns=adata.var_names)


def same(adata, table_tables):
    np.testing.assert_array_equal(adata.X.toarray() if sp.issparse(adata.X) else adata.X, table_tables.to_numpy())
    assert adata.obs_names.tolist() == list(table_tables.index)
    assert adata.var_names.tolist() == list(table_tables.columns)


@pytest.mark.parametrize(
    ("name", "separator"),
    [("a.csv", ","), ("a.tsv", "\t"), ("a.tab", "\t"), ("a.csv.gz", ","), ("a.tsv.gz", "\t"), ("A.CSV", ",")]
    + [(f"a.txt{gz}", separator) for separator in ",;\t " for gz in ("", ".gz")],
)
def test_every_name_and_delimiter(table_tables, tmp_path, name, separator):
    table_tables.to_csv(tmp_path / name, sep=separator, index_label="cell")
    same(read(tmp_path / name, genes_as="columns"), table_tables)


def test_genes_as_rows_is_the_transpose(table_tables, tmp_path):
    table_tables.T.to_csv(tmp_path / "a.csv")
    same(read(tmp_path / "a.csv", genes_as="rows"), table_tables)


def test_mostly_zero_values_are_sparse_and_others_dense(table_tables, tmp_path):
    (table_tables > 5).astype(int).to_csv(tmp_path / "a.csv")
    assert isinstance(read(tmp_path / "a.csv", genes_as="columns").X, sp.csr_matrix)
    (table_tables + 1).T.to_csv(tmp_path / "a.csv")
    found = read(tmp_path / "a.csv", genes_as="rows").X
    assert isinstance(found, np.ndarray)
    assert found.flags.c_contiguous
    assert found.dtype == np.float32


@pytest.mark.parametrize("genes_as", [None, "row"])
def test_the_orientation_must_be_said(table_tables, tmp_path, genes_as):
    table_tables.to_csv(tmp_path / "a.csv")
    with pytest.raises(InputError, match='pass genes_as="rows" when each line is a gene'):
        read(tmp_path / "a.csv", genes_as=genes_as)


def test_without_header_names_are_made(table_tables, tmp_path):
    table_tables.to_csv(tmp_path / "a.csv", header=False, index=False)
    found = read(tmp_path / "a.csv", genes_as="columns", header=False)
    np.testing.assert_array_equal(found.X.toarray(), table_tables.to_numpy())
    assert found.obs_names[[0, -1]].tolist() == ["cell_00", "cell_39"]
    assert found.var_names[[0, -1]].tolist() == ["gene_00", "gene_29"]
    with pytest.warns(UserWarning, match="the rows look like genes"):
        transposed = read(tmp_path / "a.csv", genes_as="rows", header=False)
    np.testing.assert_array_equal(transposed.X.toarray(), table_tables.to_numpy().T)
    assert transposed.var_names[-1] == "gene_39"


def test_without_header_names_in_the_first_column_are_taken(table_tables, tmp_path):
    table_tables.to_csv(tmp_path / "a.csv", header=False)
    found = read(tmp_path / "a.csv", genes_as="columns", header=False)
    assert found.obs_names.tolist() == list(table_tables.index)
    assert found.n_vars == 30


def test_header_without_row_names(table_tables, tmp_path):
    table_tables.to_csv(tmp_path / "a.csv", index=False)
    found = read(tmp_path / "a.csv", genes_as="columns")
    assert found.var_names.tolist() == list(table_tables.columns)
    assert found.obs_names[0] == "cell_00"


def test_header_without_a_field_above_the_row_names(table_tables, tmp_path):
    lines = table_tables.to_csv(sep="\t").splitlines()
    (tmp_path / "a.txt").write_text("\n".join([lines[0].removeprefix("\t"), *lines[1:]]) + "\n")
    same(read(tmp_path / "a.txt", genes_as="columns"), table_tables)


def test_numbers_as_row_names_are_names_under_an_empty_corner_or_when_said(table_tables, tmp_path):
    numbered = table_tables.set_axis([str(number) for number in range(7, 47)])
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


def test_byte_order_mark_and_windows_lines(table_tables, tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + table_tables.to_csv(lineterminator="\r\n").encode())
    same(read(tmp_path / "a.csv", genes_as="columns"), table_tables)


def test_blocks_of_lines_are_joined_in_order(table_tables, tmp_path, monkeypatch):
    monkeypatch.setattr("scgarage.io.tables._CHUNK_VALUES", 100)
    table_tables.to_csv(tmp_path / "a.csv")
    same(read(tmp_path / "a.csv", genes_as="columns"), table_tables)


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


def test_truncated_and_foreign_compressed_files_are_refused(table_tables, tmp_path):
    packed = gzip.compress(table_tables.to_csv().encode())
    (tmp_path / "a.csv.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "b.csv.gz").write_text(table_tables.to_csv())
    (tmp_path / "c.csv").write_bytes(packed)
    for name in ("a.csv.gz", "b.csv.gz", "c.csv"):
        with pytest.raises(InputError, match=f"{name} cannot be read as a table of numbers"):
            read(tmp_path / name, genes_as="columns")


def test_delimiter_of_the_user_wins(table_tables, tmp_path):
    table_tables.to_csv(tmp_path / "a.csv", sep=";")
    same(read(tmp_path / "a.csv", genes_as="columns", delimiter=";"), table_tables)
