import math
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
import scipy.sparse as sp

from scgarage.datasets import simulate
from scgarage.errors import InputError
from scgarage.io import write_h5ad
from scgarage.pp.prepare import recover_counts

SHARED = Path(__file__).parents[3] / "shared" / "data"
NEEDS_SHARED = pytest.mark.skipif(not SHARED.is_dir(), reason="the folder ../shared/data of real data sets is absent")


@pytest.fixture
def counts():
    adata = simulate(150, 120, 3, 0.05, depth=800)
    del adata.layers["counts"]
    return adata[np.asarray((adata.X == 1).sum(axis=1)).ravel() > 0].copy()


def log_normalised(counts, **options):
    adata = counts.copy()
    sc.pp.normalize_total(adata, **options)
    sc.pp.log1p(adata)
    return adata


@pytest.mark.parametrize("target_sum", [None, 1e4, 1e6])
def test_what_scanpy_normalised_comes_back_exactly(counts, target_sum):
    adata = log_normalised(counts, target_sum=target_sum)
    found = recover_counts(adata)
    assert isinstance(found.X, sp.csr_matrix)
    assert found.X.dtype == np.float32
    assert (found.X != counts.X).nnz == 0
    assert (found.layers["counts"] != counts.X).nnz == 0
    assert found.uns["scgarage"]["value_kind"] == "counts"
    assert found.uns["scgarage"]["recovered"]["max_deviation"] < 0.01


def test_everything_else_is_kept_and_the_input_is_not_changed(counts, tmp_path):
    adata = log_normalised(counts)
    adata.obsm["X_pca"] = np.ones((adata.n_obs, 2))
    before = adata.copy()
    found = recover_counts(adata)
    assert found.obs.equals(adata.obs)
    assert found.var.equals(adata.var)
    assert "X_pca" in found.obsm
    assert found.uns["scgarage"]["simulation"]["n_types"] == 3
    assert (adata.X != before.X).nnz == 0
    assert "log1p" in adata.uns
    assert "value_kind" in adata.uns["scgarage"]
    assert "recovered" not in adata.uns["scgarage"]
    write_h5ad(found, tmp_path / "a.h5ad")


def test_the_result_can_be_normalised_again_without_a_warning(counts):
    adata = log_normalised(counts)
    again = log_normalised(recover_counts(adata))
    np.testing.assert_allclose(again.X.toarray(), adata.X.toarray(), rtol=1e-5)


def test_a_layer(counts):
    adata = counts.copy()
    adata.layers["log"] = log_normalised(counts).X
    assert (recover_counts(adata, layer="log").X != counts.X).nnz == 0
    with pytest.raises(InputError, match="no 'nothing'; pass layer= one of: 'log'"):
        recover_counts(adata, layer="nothing")


def test_raw_with_more_genes(counts):
    adata = log_normalised(counts)
    adata.raw = adata.copy()
    adata = adata[:, :50].copy()
    adata.X = adata.X.toarray() - 1
    found = recover_counts(adata, use_raw=True)
    assert (found.X != counts.X).nnz == 0
    assert found.var_names.tolist() == counts.var_names.tolist()
    assert found.obs.equals(adata.obs)


def test_a_base_is_passed_on_and_recorded(counts):
    adata = log_normalised(counts)
    adata.X = adata.X / math.log(2)
    found = recover_counts(adata, base=2)
    assert (found.X != counts.X).nnz == 0
    assert found.uns["scgarage"]["recovered"]["base"] == 2.0
    assert (recover_counts(adata).X != counts.X).nnz == 0, "the base is found"
    with pytest.raises(InputError, match="the values do fit base=2"):
        recover_counts(adata, base=math.e)


def test_approximate_counts_are_reported():
    counts = ad.AnnData(sp.csr_matrix(np.array([[1, 2, 7, 40, 5000], [1, 3, 1, 12, 9]], dtype=np.float32)))
    adata = log_normalised(counts, target_sum=1e4)
    adata.X.data = adata.X.data.round(3)
    with pytest.warns(UserWarning, match=r"1 counts, the smallest of them (4,99|5,00)\d, may be off"):
        found = recover_counts(adata)
    np.testing.assert_array_equal(found.X[:, :4].toarray(), counts.X[:, :4].toarray())


def test_counts_are_refused(counts):
    with pytest.raises(InputError, match="they are counts already"):
        recover_counts(counts)


def test_scaled_values_are_refused_with_the_place_of_better_ones(counts):
    adata = log_normalised(counts)
    adata.raw = adata.copy()
    adata.X = adata.X.toarray() - adata.X.toarray().mean(axis=0)
    with pytest.raises(InputError, match=r"looks scaled.*adata\.raw holds log-normalised values"):
        recover_counts(adata)


def test_imputed_values_are_refused_and_the_cell_is_named(counts):
    adata = log_normalised(counts)
    dense = adata.X.toarray()
    adata.X = sp.csr_matrix((dense + np.roll(dense, 1, axis=0) + np.roll(dense, 2, axis=0)) / 3)
    with pytest.raises(InputError, match=r"largest deviation 0\.\d\d, cell 'cell_\d+'.*pass the original counts"):
        recover_counts(adata)


def test_raw_arguments_that_do_not_fit_are_refused(counts):
    adata = log_normalised(counts)
    with pytest.raises(InputError, match=r"adata\.raw is empty"):
        recover_counts(adata, use_raw=True)
    adata.raw = adata.copy()
    with pytest.raises(InputError, match="pass one of the two"):
        recover_counts(adata, use_raw=True, layer="log")


@NEEDS_SHARED
def test_pbmc3k_comes_back_exactly():
    counts = ad.io.read_h5ad(SHARED / "pbmc3k.h5ad")
    assert (recover_counts(log_normalised(counts, target_sum=1e4)).X != counts.X).nnz == 0


@NEEDS_SHARED
def test_pbmc_three_chemistries_holds_recoverable_counts():
    adata = ad.io.read_h5ad(SHARED / "pbmc_three_chemistries.h5ad")
    found = recover_counts(adata)
    assert found.uns["scgarage"]["recovered"]["max_deviation"] < 0.001
    assert (adata.obs["n_umi"].to_numpy() >= found.X.sum(axis=1).A1).all()
