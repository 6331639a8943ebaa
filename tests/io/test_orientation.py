from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

from scgarage.datasets import pbmc68k, simulate
from scgarage.io.gene_names import transposed_because

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
