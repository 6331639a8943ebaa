"""Genes only by default, said aloud, whatever the format; and a way to keep the rest."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from scgarage.cli import main
from scgarage.datasets import simulate
from scgarage.errors import InputError
from scgarage.io import read
from scgarage.io.features import other_features
from scgarage.pp import prepare


def with_others(names, types=None):
    cells = simulate(80, 40, 2, 0.2)
    others = np.random.default_rng(3).poisson(200, (cells.n_obs, len(names)))
    var = pd.DataFrame(index=[*cells.var_names, *names])
    if types is not None:
        var["feature_types"] = ["Gene Expression"] * cells.n_vars + types
    return cells, ad.AnnData(sp.csr_matrix(np.hstack([cells.X.toarray(), others])), obs=cells.obs, var=var)


KINDS = {
    "Antibody Capture": (["CD3", "CD4.1"], ["Antibody Capture"] * 2),
    "CRISPR Guide Capture": (["guide1", "guide2"], ["CRISPR Guide Capture"] * 2),
    "Multiplexing Capture": (["tagA"], ["Multiplexing Capture"]),
    "Peaks": (["chr1:1-100"], ["Peaks"]),
    "spike-ins": (["ERCC-00002", "ERCC-00003"], None),
    "hashtags": (["HTO_1", "Hashtag2", "Hashtag-3-ACGT", "CMO301"], None),
    "antibodies": (["CD3_TotalSeqB", "ADT_CD19"], None),
}


@pytest.mark.parametrize("kind", KINDS)
def test_only_genes_are_taken_and_it_is_said(tmp_path, capsys, kind):
    cells, found = with_others(*KINDS[kind])
    found.write_h5ad(tmp_path / "found.h5ad")
    with pytest.warns(UserWarning, match=f"features that are not genes were left out: {kind}"):
        adata = read(tmp_path / "found.h5ad")
    assert list(adata.var_names) == list(cells.var_names)
    assert (adata.X != cells.X).nnz == 0
    assert read(tmp_path / "found.h5ad", features="all").n_vars == found.n_vars
    prepared = prepare(found)
    assert prepared.n_vars == cells.n_vars
    assert kind in prepared.uns["scgarage"]["prepared"][0]
    assert prepare(found, features="all").n_vars == found.n_vars
    command = ["prepare", str(tmp_path / "found.h5ad"), "--out", str(tmp_path / "out.h5ad")]
    assert main([*command, "--features", "all"]) == 0
    assert ad.read_h5ad(tmp_path / "out.h5ad").n_vars == found.n_vars


def test_the_command_says_it(tmp_path, capsys):
    with_others(*KINDS["Antibody Capture"])[1].write_h5ad(tmp_path / "found.h5ad")
    assert main(["prepare", str(tmp_path / "found.h5ad"), "--out", str(tmp_path / "out.h5ad")]) == 0
    assert "2 of 42 features that are not genes were left out: Antibody Capture 2" in capsys.readouterr().out


def test_genes_with_such_names_are_genes():
    genes = ["ERCC1", "Ercc6l2", "ADTRP", "adt-2", "HTOR", "CMOS", "CD4", "HTT", "SIRPA", "PROTEIN1"]
    assert (other_features(pd.DataFrame(index=genes)) == "").all()
    var = pd.DataFrame({"feature_type": ["protein_coding", "lncRNA"]}, index=["CD4", "MALAT1"])
    assert (other_features(var) == "").all()
    var = pd.DataFrame({"feature_biotype": ["gene", "spike-in"]}, index=["CD4", "ERCC-9"])
    assert other_features(var).tolist() == ["", "spike-in"]


def test_nothing_but_antibodies_is_refused():
    _, found = with_others(*KINDS["antibodies"])
    with pytest.raises(InputError, match="features='all'"):
        prepare(found[:, 40:].copy())
