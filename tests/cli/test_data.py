"""``scgarage prepare`` from a file that fit refuses to one that it takes."""

import anndata as ad
import numpy as np
import pytest

import scgarage as sg
from scgarage.cli import main


@pytest.mark.filterwarnings("ignore:.* names are not unique:UserWarning")
def test_refused_file_is_made_fit(tmp_path, capsys):
    cells = sg.datasets.simulate(n_cells=200, n_genes=60, n_types=3, rare_fraction=0.06)
    labels = cells.obs["cell_type"].astype(object).to_numpy()
    labels[:9] = np.nan
    cells.obs["cell_type"] = labels
    cells.var_names = ["twice"] * 2 + list(cells.var_names[2:])
    found, out = tmp_path / "found.h5ad", tmp_path / "cells.h5ad"
    cells.write_h5ad(found)
    before = found.read_bytes()
    fit = ["--model", "copula", "--progress", "false", "--out", str(tmp_path / "model")]
    assert main(["fit", str(found), *fit]) == 2
    assert "scgarage prepare" in capsys.readouterr().err

    assert main(["prepare", str(found), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "9 of 200 cells have no label in 'cell_type' and were dropped" in said.out
    assert "repeated gene names were numbered: 'twice'" in said.out
    assert "191 cells x 60 genes, counts" in said.out
    assert "rare, below 5 %" in said.out
    assert "not unique" not in said.err
    assert found.read_bytes() == before
    assert main(["fit", str(out), *fit]) == 0

    assert main(["prepare", str(found), "--out", str(out)]) == 2, "an output is not replaced"
    assert ad.read_h5ad(out).n_obs == 191


def test_without_labels(tmp_path, capsys):
    cells = sg.datasets.simulate(n_cells=100, n_genes=40, n_types=2, rare_fraction=0.1)
    del cells.obs["cell_type"]
    cells.write_h5ad(tmp_path / "found.h5ad")
    arguments = ["prepare", str(tmp_path / "found.h5ad"), "--out", str(tmp_path / "cells.h5ad")]
    assert main(arguments) == 2
    assert "has no 'cell_type'" in capsys.readouterr().err
    assert main([*arguments, "--no-labels"]) == 0
    assert "nothing had to be done" in capsys.readouterr().out


def test_fit_says_where_counts_come_from_when_there_are_none(tmp_path, capsys):
    cells = sg.datasets.simulate(n_cells=200, n_genes=60, n_types=3, rare_fraction=0.06)
    logs = cells.copy()
    del logs.layers["counts"]
    logs.X = sg.pp.log1p_cp10k(cells.X)
    logs.write_h5ad(tmp_path / "logs.h5ad")
    fit = ["--model", "copula", "--progress", "false", "--out"]
    assert main(["fit", str(tmp_path / "logs.h5ad"), *fit, str(tmp_path / "of-logs")]) == 0
    assert "scgarage prepare recovers counts" in capsys.readouterr().out
    assert main(["prepare", str(tmp_path / "logs.h5ad"), "--out", str(tmp_path / "counts.h5ad")]) == 0
    assert "counts were recovered" in capsys.readouterr().out
    assert main(["fit", str(tmp_path / "counts.h5ad"), *fit, str(tmp_path / "of-counts")]) == 0
    assert "scgarage prepare" not in capsys.readouterr().out
