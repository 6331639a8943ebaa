"""``scgarage impute``, by its function."""

import anndata as ad
import pandas as pd
import pytest

import scgarage as sg
from scgarage.cli.data import run_impute
from scgarage.errors import InputError, OutputExistsError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "cells.h5ad"
    sg.datasets.simulate(n_cells=90, n_genes=60, n_types=2).write_h5ad(path)
    return path


def test_file_has_counts_and_imputed_values(file, tmp_path, capsys):
    out = tmp_path / "imputed.h5ad"
    run_impute(
        str(file),
        str(out),
        method="knn",
        params={"n_neighbors": 4, "n_top_genes": 40, "zero_chance": 1.0},
        random_state=3,
    )
    made = ad.read_h5ad(out)
    assert (made.X != ad.read_h5ad(file).X).nnz == 0
    assert made.layers["imputed"].nnz > made.X.nnz
    assert made.uns["scgarage"]["imputation"]["parameters"]["n_neighbors"] == 4
    assert made.uns["scgarage"]["imputation"]["parameters"]["random_state"] == 3
    said = capsys.readouterr().out
    assert "40 of 60 genes imputed" in said
    assert f"{made.uns['scgarage']['imputation']['filled']:.2%} of their zeros were filled." in said
    assert "not checked" in said
    assert "advice" not in made.uns["scgarage"]["imputation"]


def test_check_says_what_to_do(file, tmp_path, capsys):
    table = tmp_path / "recovery.csv"
    run_impute(str(file), str(tmp_path / "o.h5ad"), method="knn", labels_key="cell_type", check=True, table=str(table))
    said = capsys.readouterr().out.splitlines()
    about = ad.read_h5ad(tmp_path / "o.h5ad").uns["scgarage"]["imputation"]
    assert said[0] == about["advice_in_words"]
    assert said[-1] == f"Advice: {about['advice']}."
    assert about["advice"] in ("impute", "only to look at", "do not impute")
    assert list(pd.read_csv(table)["method"]) == ["none", "knn"]


def test_wrong_input_is_refused_before_work(file, tmp_path):
    with pytest.raises(InputError, match="no imputer 'nonsense'"):
        run_impute(str(file), str(tmp_path / "o.h5ad"), method="nonsense")
    with pytest.raises(OutputExistsError, match="exists"):
        run_impute(str(file), str(file), method="knn")
    with pytest.raises(InputError, match="no setting"):
        run_impute(str(file), str(tmp_path / "o.h5ad"), method="knn", params={"colour": 1})
