"""No command drops, replaces or invents anything of the user's without a line that says it."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import scgarage as sg
from scgarage.cli import main
from scgarage.errors import InputError
from scgarage.io.cells import validate_labels
from scgarage.io.tables import missing_labels

pytestmark = pytest.mark.filterwarnings("always:obs\\['source'\\]:UserWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unsaid")
    cells = sg.datasets.simulate(n_cells=200, n_genes=60, n_types=3, rare_fraction=0.04)
    cells.obs["source"] = pd.Categorical(np.where(np.arange(200) % 2, "blood", "spleen"))
    cells.obs_names = ["synthetic_3", *cells.obs_names[1:]]
    cells.obsm["X_umap"] = np.zeros((200, 2))
    cells.layers["spliced"] = cells.X.copy()
    cells.uns["colors"] = "red"
    cells.write_h5ad(folder / "cells.h5ad")
    fit = ["--model", "smote", "--progress", "false", "--all-cells", "--out", str(folder / "model")]
    assert main(["fit", str(folder / "cells.h5ad"), *fit]) == 0
    return folder


def test_augment_keeps_a_source_of_the_users_and_says_what_it_leaves_out(folder, tmp_path, capsys):
    out = tmp_path / "a.h5ad"
    arguments = [str(folder / "model"), str(folder / "cells.h5ad"), "--out", str(out)]
    assert main(["augment", *arguments, "--min-cells", "30"]) == 0
    said = capsys.readouterr()
    assert "what it held is now in obs['original_source']" in said.err
    made, real = ad.read_h5ad(out), ad.read_h5ad(folder / "cells.h5ad")
    assert made.obs["original_source"][:200].tolist() == real.obs["source"].tolist()
    assert made.obs["source"][:200].eq("real").all()
    assert made.obs["source"][200:].eq("synthetic").all()
    assert made.obs_names.is_unique
    for lost in ("obsm 'X_umap'", "layer 'spliced'", "uns 'colors'"):
        assert lost in said.out


def test_augment_says_that_no_type_was_chosen(folder, tmp_path, capsys):
    arguments = [str(folder / "model"), str(folder / "cells.h5ad"), "--out", str(tmp_path / "a.h5ad")]
    assert main(["augment", *arguments, "--rare-fraction", "0.0001"]) == 0
    assert "no type is below 0% of the cells (--rare-fraction)" in capsys.readouterr().out
    assert main(["augment", *arguments, "--overwrite", "--min-cells", "2", "--rare-fraction", "0.5"]) == 0
    assert "every chosen type has enough" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["s.csv", "s.csv.gz"])
def test_sample_writes_labels_beside_a_csv(folder, tmp_path, capsys, name):
    command = ["sample", str(folder / "model"), "-n", "20", "--out", str(tmp_path / "s.h5ad"), "--csv"]
    assert main([*command, str(tmp_path / name)]) == 0
    assert "s_labels.csv" in capsys.readouterr().out
    made = ad.read_h5ad(tmp_path / "s.h5ad")
    read = sg.read(tmp_path / name, genes_as="columns", labels=tmp_path / "s_labels.csv", labels_key="cell_type")
    assert read.obs["cell_type"].astype(str).tolist() == made.obs["cell_type"].astype(str).tolist()
    assert main([*command, str(tmp_path / name), "--overwrite"]) == 0


@pytest.mark.parametrize("text", ["None", "N/A", "<NA>", "nan", "NaN", "NA", "null", "none", " ", "#N/A"])
def test_missing_labels_written_as_text_are_no_types(text):
    cells = sg.datasets.simulate(n_cells=100, n_genes=40, n_types=2, rare_fraction=0.2)
    labels = cells.obs["cell_type"].astype(object).to_numpy()
    labels[:7] = text
    cells.obs["cell_type"] = pd.Categorical(labels)
    with pytest.raises(InputError, match=r"no label for 7 of 100 cells.*scgarage prepare"):
        validate_labels(cells, "cell_type")
    validate_labels(cells, "cell_type", argument="batch_key")
    prepared = sg.pp.prepare(cells, labels_key="cell_type")
    assert prepared.n_obs == 93
    assert set(prepared.obs["cell_type"]) == set(labels[7:])
    assert "7 of 100 cells have no label" in prepared.uns["scgarage"]["prepared"][0]


def test_names_of_types_are_no_missing_labels():
    assert not missing_labels(pd.Series(["NK", "naive", "Nonclassical", "unknown", "0", "Na+ cell"])).any()


@pytest.mark.parametrize("labels", ["one", "some"])
def test_no_labels_looks_at_none(tmp_path, capsys, labels):
    cells = sg.datasets.simulate(n_cells=150, n_genes=40, n_types=2, rare_fraction=0.2)
    values = np.full(150, "tumour", dtype=object)
    if labels == "some":
        values[:30] = np.nan
    cells.obs["cell_type"] = values
    cells.write_h5ad(tmp_path / "cells.h5ad")
    fit = ["fit", str(tmp_path / "cells.h5ad"), "--progress", "false", "--out"]
    assert main([*fit, str(tmp_path / "model"), "--no-labels"]) == 0
    capsys.readouterr()
    assert main([*fit, str(tmp_path / "other")]) == 2
    assert {"one": "--no-labels", "some": "scgarage prepare"}[labels] in capsys.readouterr().err


def test_impute_says_that_it_replaces_a_layer():
    cells = sg.datasets.simulate(n_cells=60, n_genes=40, n_types=2, rare_fraction=0.2)
    cells.layers["imputed"] = cells.X * 2
    imputer = sg.imputation.imputer_class("knn")().fit(cells)
    with pytest.warns(UserWarning, match=r"layers\['imputed'\] held other values"):
        made = imputer.transform(cells)
    assert imputer.transform(made).n_obs == 60, "its own are replaced without a word"
