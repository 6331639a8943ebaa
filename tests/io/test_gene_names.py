import pandas as pd
import pytest

from scgarage.io.gene_names import count_gene_names, explain_mismatch, share_barcodes, share_ensembl


def test_genes_are_told_from_cells():
    genes = [
        "ACTB",
        "Gapdh",
        "malat1",
        "MT-CO1",
        "mt-Nd4l",
        "RPL13A",
        "Rps3",
        "HLA-DRA",
        "ENSG00000111640.15",
    ]
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
        (
            ["ENSG00000111640", "ENSG00000075624"],
            ["GAPDH", "ACTB"],
            "Ensembl identifiers and the other gene symbols",
        ),
        (
            ["ENSG00000111640.1", "ENSG00000075624.7"],
            ["ENSG00000111640.2", "ENSG00000075624.8"],
            "only the versions",
        ),
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
