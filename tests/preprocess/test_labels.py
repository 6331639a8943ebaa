import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from scgarage.datasets import pbmc68k, simulate
from scgarage.errors import InputError
from scgarage.io.cells import validate_labels


def labelled(labels, **columns):
    obs = pd.DataFrame({"cell_type": labels, **columns}, index=[f"c{number}" for number in range(len(labels))])
    return AnnData(np.ones((len(labels), 2)), obs=obs)


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "b"] * 5,
        pd.Categorical(["a", "b"] * 5, categories=["a", "b", "never"]),
        [1, 2] * 5,
        [1.0, 2.0] * 5,
        [True, False] * 5,
        pd.Categorical([1, 2] * 5),
    ],
)
def test_good_labels_pass(labels):
    validate_labels(labelled(labels), "cell_type")


def test_bundled_data_pass():
    validate_labels(pbmc68k(), "cell_type")
    validate_labels(simulate(), "cell_type")


def test_the_order_of_cells_does_not_matter():
    adata = labelled(["a"] * 5 + ["b"])
    for order in (range(6), [5, 4, 3, 2, 1, 0]):
        with pytest.raises(InputError, match=r"'b' \(1\)"):
            validate_labels(adata[list(order)].copy(), "cell_type")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a", None, "b", None], r"no label for 2 of 4 cells \(first: 'c1'\).*\.notna\(\)"),
        (["a"] * 4, r"one label \('a'\); at least 2 are expected"),
        (["a", "a", "b", "c"], r"2 types .* fewer than 2 cells: 'b' \(1\), 'c' \(1\); merge them .* or drop"),
        (["a", "a", "unsure", "unsure"], r"label 'unsure' \(2 cells\), which scgarage reserves"),
        (np.linspace(0, 1, 8), r"8 different numbers from 0 to 1, which looks like a measurement"),
        (np.arange(51), "51 different numbers from 0 to 50"),
        (pd.Categorical(np.linspace(0, 1, 8)), "looks like a measurement"),
        ([f"cell {number}" for number in range(9)], r"9 types .*'cell 0' \(1\), .* and 4 more; merge"),
    ],
)
def test_bad_labels_are_refused(labels, expected):
    with pytest.raises(InputError, match=expected):
        validate_labels(labelled(labels), "cell_type")


def test_a_missing_column_names_those_that_hold_labels():
    adata = labelled(["a", "b"], depth=[1.0, 2.0], batch=pd.Categorical(["x", "y"]))
    with pytest.raises(
        InputError, match=r"adata\.obs has no 'louvain'; pass labels_key= one of: 'cell_type', 'batch'$"
    ):
        validate_labels(adata, "louvain")


def test_a_measurement_names_the_columns_that_hold_labels():
    adata = labelled(["a", "b"] * 4, depth=np.linspace(0, 1, 8))
    with pytest.raises(InputError, match="pass labels_key= one of: 'cell_type'"):
        validate_labels(adata, "depth")


def test_limits_are_arguments():
    adata = labelled(["a", "a", "a", "b"])
    validate_labels(adata, "cell_type", min_cells_per_type=1)
    validate_labels(labelled(["a"]), "cell_type", min_types=1, min_cells_per_type=1)
    with pytest.raises(InputError, match="holds 2 labels; at least 3 are expected"):
        validate_labels(adata, "cell_type", min_types=3)
    with pytest.raises(InputError, match=r"fewer than 4 cells: 'a' \(3\), 'b' \(1\)"):
        validate_labels(adata, "cell_type", min_cells_per_type=4)
