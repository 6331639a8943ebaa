from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

from scgarage.datasets import pbmc68k, simulate
from scgarage.io.gene_names import count_gene_names, explain_mismatch, share_barcodes, share_ensembl, transposed_because


def test_genes_are_told_from_cells():
    genes = ["ACTB", "Gapdh", "malat1", "MT-CO1", "mt-Nd4l", "RPL13A", "Rps3", "HLA-DRA", "ENSG00000111640.15"]
    cells = ["AAACCTGAGAGGGATA-1", "cell_001", "sc_celseq2:A1", "X2cell_1_A", "Oocyte..1.RPKM.", "MT_1", "12"]
    assert count_gene_names(genes) == len(genes)
    assert count_gene_names(cells) == 0
    assert count_gene_names([]) == 0


def test_ensembl_identifiers():
    assert share_ensembl(["ENSG00000111640", "ENSMUSG00000064339.2", "GAPDH", "ENS"]) == 0.5
    assert share_ensembl([]) == 0.0


def test_barcodes():
    assert share_barcodes(["AAACCTGAGAGGGATA", "3p_v2:AAACCTGAGCGCTCCA-1", "CATCAT", "cell_1"]) == 0.5


@pytest.mark.parametrize(
    ("found", "wanted", "expected"),
    [
        (["ENSG00000111640", "ENSG00000075624"], ["GAPDH", "ACTB"], "Ensembl identifiers and the other gene symbols"),
        (["ENSG00000111640.1", "ENSG00000075624.7"], ["ENSG00000111640.2", "ENSG00000075624.8"], "only the versions"),
        (["Gapdh", "Actb"], ["GAPDH", "ACTB"], "upper and lower case"),
        (["a", "b"], ["c", "d"], "no gene is in common"),
        (["a", "b"], ["b", "c"], "subset both to the genes in common"),
    ],
)
def test_the_reason_for_different_names(found, wanted, expected):
    assert expected in explain_mismatch(pd.DataFrame(index=found), pd.Index(wanted))


def test_a_column_with_the_wanted_names_is_named():
    var = pd.DataFrame({"n": [1, 2], "gene_ids": ["ENSG1", "ENSG2"]}, index=["A", "B"])
    assert "adata.var_names = adata.var['gene_ids']" in explain_mismatch(var, pd.Index(["ENSG2", "ENSG1"]))


SHARED = Path(__file__).parents[3] / "shared" / "data"


def transposed(adata):
    return AnnData(adata.X.T.tocsr() if sp.issparse(adata.X) else adata.X.T, obs=adata.var[[]], var=adata.obs[[]])


def unnamed(adata):
    return AnnData(adata.X)


@pytest.mark.parametrize("make", [pbmc68k, simulate, lambda: unnamed(pbmc68k()), lambda: unnamed(simulate())])
def test_cells_as_rows_are_right_and_genes_as_rows_are_noticed(make):
    adata = make()
    assert transposed_because(adata) is None
    assert transposed_because(transposed(adata)) is not None


@pytest.mark.parametrize("n_cells", [20, 5000])
def test_any_number_of_cells_is_plausible(n_cells):
    assert transposed_because(simulate(n_cells, 100, 2, 0.1)) is None


@pytest.mark.parametrize(
    "genes",
    [
        ["ACTB", "GAPDH", "MALAT1"],
        ["mt-Nd1", "Rps3", "Rpl11"],
        ["ENSG00000111640", "ENSMUSG00000064339", "ENSG00000075624.7"],
    ],
)
def test_gene_names_as_rows_are_noticed_whatever_the_values(genes):
    names = [*genes, *(f"x{number}" for number in range(30 - len(genes)))]
    adata = AnnData(np.ones((30, 12)), obs=pd.DataFrame(index=names))
    assert "row names are known genes" in transposed_because(adata)
    assert transposed_because(transposed(adata)) is None


def test_barcodes_as_columns_are_noticed():
    rng = np.random.default_rng(0)
    barcodes = ["".join(rng.choice(list("ACGT"), 16)) + "-1" for _ in range(30)]
    adata = AnnData(np.ones((12, 30)), var=pd.DataFrame(index=barcodes))
    assert transposed_because(adata) == "100% of the column names are cell barcodes"
    assert transposed_because(transposed(adata)) is None


def test_names_settle_what_totals_would_contradict():
    wrong = transposed(simulate(100, 80, 2, 0.1))
    assert transposed_because(wrong) is not None
    wrong.var_names = ["ACTB", "GAPDH", "MALAT1", *wrong.var_names[3:]]
    assert transposed_because(wrong) is None


def test_scaled_and_tiny_data_say_nothing():
    rng = np.random.default_rng(0)
    assert transposed_because(AnnData(rng.normal(size=(50, 20)))) is None
    assert transposed_because(AnnData(np.diag([1.0, 10, 100]) + 0.1)) is None


@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder ../shared/data of real data sets is absent")
@pytest.mark.parametrize("path", sorted(SHARED.glob("*.h5ad")), ids=lambda path: path.stem)
def test_real_data_raise_no_false_alarm(path):
    adata = ad.io.read_h5ad(path)
    assert transposed_because(adata) is None
    assert transposed_because(unnamed(adata)) is None
