import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from scgarage.errors import InputError
from scgarage.io import read
from scgarage.io.tables import as_text_labels

CELLS = ["c1", "c2", "c3", "c4"]
LABELS = ["T", "B", "NA", "T"]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "cells.csv"
    pd.DataFrame([[1, 2], [0, 3], [4, 0], [5, 1]], index=CELLS, columns=["g1", "g2"]).to_csv(path)
    return path


def labelled(table, text, name="labels.csv", **options):
    path = table.with_name(name)
    path.write_text(text)
    return read(table, genes_as="columns", labels=path, **options).obs


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
def test_every_form_gives_the_same_labels(table, text, name):
    labels = labelled(table, text, name)["cell_type"]
    assert labels.astype(object).fillna("missing").tolist() == ["T", "B", "missing", "T"]
    assert labels.cat.categories.tolist() == ["B", "T"]
    assert labels.index.tolist() == CELLS


def test_the_column_called_labels_key_is_chosen(table):
    text = "cell,cell_type,other\nc1,a,1\nc2,a,2\nc3,b,1\nc4,b,2\n"
    assert labelled(table, text, labels_key="other")["other"].tolist() == ["1", "2", "1", "2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("T\nB\n", "has 2 labels in one column and the expression data 4 cells"),
        ("a\nb\nc\nd\ne\nf\n", "has 6 labels in one column and the expression data 4 cells"),
        ("c1,T\nc2,B\nc9,B\nc4,T\n", "no label for 1 of 4 cells, such as 'c3'"),
        ("c1,T\nc1,B\nc3,B\nc4,T\n", "names a cell twice: 'c1'"),
        (
            "cell,a,b\nc1,1,2\nc2,1,2\nc3,1,2\nc4,1,2\n",
            "none is called 'cell_type'; pass labels_key= one of: 'a', 'b'",
        ),
        ("c1,T\nc2,B,x\nc3,B\nc4,T\n", "different numbers of fields"),
        ("\n\n", "holds no labels"),
        ("", "is empty"),
    ],
)
def test_labels_that_do_not_fit_are_refused(table, text, expected):
    with pytest.raises(InputError, match=expected):
        labelled(table, text)


def test_a_missing_label_file_is_named(table):
    with pytest.raises(InputError, match=r"label file .*none\.csv does not exist"):
        read(table, genes_as="columns", labels=table.with_name("none.csv"))


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
