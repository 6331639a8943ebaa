import gzip
import re
import shutil
import sys
import warnings

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from scgarage.datasets import simulate
from scgarage.errors import InputError
from scgarage.io import read, write_h5ad


@pytest.fixture(scope="module")
def adata():
    return simulate(60, 50, 3, 0.1, depth=40)


def write_zarr(adata, path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(zarr|anndata)\..*")
        adata.write_zarr(path)


def same_values(found, adata):
    assert found.obs_names.tolist() == adata.obs_names.tolist()
    assert found.var_names.tolist() == adata.var_names.tolist()
    assert isinstance(found.X, sp.csr_matrix)
    assert found.X.dtype == np.float32
    assert (found.X != adata.X).nnz == 0


def test_h5ad_round_trip(adata, tmp_path):
    write_h5ad(adata, tmp_path / "cells.h5ad")
    found = read(tmp_path / "cells.h5ad")
    same_values(found, adata)
    assert found.uns["scgarage"]["value_kind"] == "counts"
    assert found.uns["scgarage"]["simulation"]["n_cells"] == 60
    assert found.obs["cell_type"].cat.categories.tolist() == adata.obs["cell_type"].cat.categories.tolist()


def test_compressed_h5ad(adata, tmp_path):
    write_h5ad(adata, tmp_path / "cells.h5ad")
    with (tmp_path / "cells.h5ad").open("rb") as plain, gzip.open(tmp_path / "again.h5ad.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    same_values(read(tmp_path / "again.h5ad.gz"), adata)


def test_zarr_round_trip(adata, tmp_path):
    write_zarr(adata, tmp_path / "cells.zarr")
    same_values(read(tmp_path / "cells.zarr"), adata)


@pytest.mark.parametrize("make", [lambda X: X.toarray(), sp.csc_matrix, lambda X: X.astype(np.int64)])
def test_every_stored_form_gives_the_same_matrix(adata, tmp_path, make):
    stored = ad.AnnData(make(adata.X), obs=adata.obs, var=adata.var)
    stored.write_h5ad(tmp_path / "cells.h5ad")
    same_values(read(tmp_path / "cells.h5ad"), adata)


def test_a_layer_becomes_the_main_matrix(adata, tmp_path):
    stored = adata.copy()
    stored.X = stored.X.log1p()
    stored.write_h5ad(tmp_path / "cells.h5ad")
    found = read(tmp_path / "cells.h5ad", layer="counts")
    same_values(found, adata)
    assert found.uns["scgarage"]["value_kind"] == "counts"


def test_data_without_values_need_a_layer(adata, tmp_path):
    ad.AnnData(obs=adata.obs, var=adata.var, layers={"counts": adata.X}).write_h5ad(tmp_path / "cells.h5ad")
    with pytest.raises(InputError, match="has no X; pass layer= one of: 'counts'"):
        read(tmp_path / "cells.h5ad")
    same_values(read(tmp_path / "cells.h5ad", layer="counts"), adata)


def test_a_missing_layer_is_named_with_the_available_ones(adata, tmp_path):
    write_h5ad(adata, tmp_path / "cells.h5ad")
    with pytest.raises(InputError, match="no layer 'spliced'; available: 'counts'"):
        read(tmp_path / "cells.h5ad", layer="spliced")


def test_labels_in_obs_become_text(adata, tmp_path):
    stored = adata.copy()
    stored.obs["cluster"] = np.arange(60) % 4
    stored.obs["depth"] = np.linspace(0.5, 3, 60)
    stored.write_h5ad(tmp_path / "cells.h5ad")
    labels = read(tmp_path / "cells.h5ad", labels_key="cluster").obs["cluster"]
    assert labels.cat.categories.tolist() == ["0", "1", "2", "3"]
    assert read(tmp_path / "cells.h5ad", labels_key="depth").obs["depth"].dtype == np.float64


def test_a_label_file_goes_with_any_format(adata, tmp_path):
    write_h5ad(adata, tmp_path / "cells.h5ad")
    pd.Series(["a"] * 30 + ["b"] * 30).to_csv(tmp_path / "labels.csv", index=False, header=False)
    found = read(tmp_path / "cells.h5ad", labels=tmp_path / "labels.csv", labels_key="mine")
    assert found.obs["mine"].value_counts().to_dict() == {"a": 30, "b": 30}


def test_a_record_of_another_kind_is_replaced(adata, tmp_path):
    stored = adata.copy()
    stored.uns["scgarage"] = {"value_kind": "log-normalised", "model": "gan"}
    stored.write_h5ad(tmp_path / "cells.h5ad")
    assert read(tmp_path / "cells.h5ad").uns["scgarage"] == {
        "dataset": "cells.h5ad",
        "value_kind": "counts",
        "model": "gan",
    }
    stored.uns["scgarage"] = "text"
    stored.write_h5ad(tmp_path / "cells.h5ad")
    assert read(tmp_path / "cells.h5ad").uns["scgarage"] == {"dataset": "cells.h5ad", "value_kind": "counts"}


def test_scaled_values_are_read_with_a_warning_that_names_raw(adata, tmp_path):
    log_expr = adata.copy()
    log_expr.X = log_expr.X.log1p()
    del log_expr.layers["counts"]
    stored = log_expr.copy()
    stored.raw = log_expr
    stored.X = stored.X.toarray() - 0.5
    stored.write_h5ad(tmp_path / "cells.h5ad")
    with pytest.warns(UserWarning, match=r"looks scaled.*adata\.raw holds log-normalised values: use adata\.raw"):
        found = read(tmp_path / "cells.h5ad")
    assert found.uns["scgarage"]["value_kind"] == "scaled"
    assert isinstance(found.X, np.ndarray)


def test_log_values_beside_counts_are_pointed_out(adata, tmp_path):
    stored = adata.copy()
    stored.X = stored.X.log1p()
    stored.write_h5ad(tmp_path / "cells.h5ad")
    with pytest.warns(UserWarning, match=r'layers\["counts"\] holds counts: pass layer="counts"'):
        assert read(tmp_path / "cells.h5ad").uns["scgarage"]["value_kind"] == "log-normalised"


def test_log_values_that_were_asked_for_are_read_without_a_warning(adata, tmp_path):
    stored = adata.copy()
    stored.layers["log"] = stored.X.log1p()
    stored.write_h5ad(tmp_path / "cells.h5ad")
    assert read(tmp_path / "cells.h5ad", layer="log").uns["scgarage"]["value_kind"] == "log-normalised"


def test_log_values_alone_are_read_without_a_warning(adata, tmp_path):
    ad.AnnData(adata.X.log1p(), obs=adata.obs, var=adata.var).write_h5ad(tmp_path / "cells.h5ad")
    assert read(tmp_path / "cells.h5ad").uns["scgarage"]["value_kind"] == "log-normalised"


def test_linear_values_are_described_in_a_warning(adata, tmp_path):
    ad.AnnData(adata.X * 123.4567, obs=adata.obs, var=adata.var).write_h5ad(tmp_path / "cells.h5ad")
    with pytest.warns(UserWarning, match=r"looks like linear CPM.*sg\.pp\.prepare"):
        assert read(tmp_path / "cells.h5ad").uns["scgarage"]["value_kind"] == "unknown"


def test_transposed_data_are_pointed_out(adata, tmp_path):
    ad.AnnData(adata.X.T.tocsr(), obs=adata.var[[]], var=adata.obs[[]]).write_h5ad(tmp_path / "cells.h5ad")
    with pytest.warns(UserWarning, match="the rows look like genes"):
        read(tmp_path / "cells.h5ad")


def test_warnings_point_at_the_caller(adata, tmp_path):
    ad.AnnData(adata.X * 123.4567, obs=adata.obs, var=adata.var).write_h5ad(tmp_path / "cells.h5ad")
    with pytest.warns(UserWarning, match="linear CPM") as caught:
        read(tmp_path / "cells.h5ad")
    assert [warning.filename for warning in caught] == [__file__]


def test_nan_is_refused_with_the_path(adata, tmp_path):
    X = adata.X.toarray()
    X[3, 4] = np.nan
    ad.AnnData(X).write_h5ad(tmp_path / "cells.h5ad")
    with pytest.raises(InputError, match=r"cells\.h5ad: the matrix holds 1 NaN .* row 3, column 4"):
        read(tmp_path / "cells.h5ad")


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.h5ad does not exist"):
        read(tmp_path / "nowhere.h5ad")


@pytest.mark.parametrize("name", ["a.h5ad", "a.csv", "a.h5", "a.loom", "a.txt.gz"])
def test_an_empty_file_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(InputError, match="is empty"):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.xlsx", "a.rds", "a", "a.tar.gz", "matrix.mtx.gz"])
def test_an_unknown_name_is_refused_with_the_formats(tmp_path, name):
    (tmp_path / name).write_text("x")
    with pytest.raises(InputError, match=r"expected: \.h5ad"):
        read(tmp_path / name)


def test_a_matrix_file_points_at_its_folder(tmp_path):
    (tmp_path / "matrix.mtx").write_text("x")
    with pytest.raises(InputError, match=re.escape(f"pass the folder instead: {tmp_path}")):
        read(tmp_path / "matrix.mtx")


def test_a_truncated_h5ad_is_refused_and_the_cause_kept(adata, tmp_path):
    path = tmp_path / "cells.h5ad"
    write_h5ad(adata, path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"cells\.h5ad cannot be read as an AnnData file .*incomplete") as caught:
        read(path)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_foreign_file_is_refused(tmp_path):
    for name in ("a.h5ad", "a.h5", "a.h5ad.gz"):
        (tmp_path / name).write_text("this is text")
        with pytest.raises(InputError, match="cannot be read as"):
            read(tmp_path / name)


def test_a_damaged_zarr_folder_is_refused(adata, tmp_path):
    path = tmp_path / "cells.zarr"
    write_zarr(adata, path)
    for part in ("indptr", "indices"):
        damaged = tmp_path / f"{part}.zarr"
        shutil.copytree(path, damaged)
        for file in (damaged / "X" / part).rglob("*"):
            if file.is_file() and not file.name.startswith((".z", "zarr.json")):
                file.unlink()
        with pytest.raises(InputError, match=f"{part}.zarr"):
            read(damaged)


def test_a_zarr_folder_without_anndata_is_refused(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    with pytest.raises(InputError, match="zarr"):
        read(tmp_path / "a.zarr")


def test_data_without_cells_are_refused(adata, tmp_path):
    adata[:0].copy().write_h5ad(tmp_path / "cells.h5ad")
    with pytest.raises(InputError, match="0 cells and 50 genes"):
        read(tmp_path / "cells.h5ad")


@pytest.mark.parametrize("option", [{"genes_as": "rows"}, {"header": False}, {"row_names": True}, {"delimiter": ";"}])
def test_options_of_text_tables_are_refused_elsewhere(adata, tmp_path, option):
    write_h5ad(adata, tmp_path / "cells.h5ad", overwrite=True)
    with pytest.raises(InputError, match=f"not a text table, so {next(iter(option))}"):
        read(tmp_path / "cells.h5ad", **option)


def test_a_layer_is_refused_where_there_are_none(tmp_path):
    (tmp_path / "cells.csv").write_text(",a,b\nx,1,2\n")
    with pytest.raises(InputError, match="has no layers"):
        read(tmp_path / "cells.csv", genes_as="columns", layer="counts")


def write_loom(path, adata, *, cells="CellID", genes="Gene", layers=()):
    with h5py.File(path, "w") as file:
        file["matrix"] = adata.X.toarray().T
        file["row_attrs/" + genes] = np.array(adata.var_names, dtype="S")
        file["row_attrs/Chromosome"] = np.arange(adata.n_vars)
        file["col_attrs/" + cells] = list(adata.obs_names)
        file["col_attrs/cell_type"] = adata.obs["cell_type"].astype(str).to_list()
        file["col_attrs/X_pca"] = np.ones((adata.n_obs, 2))
        for name, factor in layers:
            file["layers/" + name] = factor * adata.X.toarray().T


@pytest.mark.parametrize(
    ("cells", "genes"),
    [("CellID", "Gene"), ("obs_names", "var_names"), ("CellID", "Accession"), ("my_cells", "my_genes")],
)
def test_loom_is_read_without_another_package(adata, tmp_path, monkeypatch, cells, genes):
    monkeypatch.setitem(sys.modules, "loompy", None)
    monkeypatch.setattr("scgarage.io.loom._BLOCK_VALUES", 7 * adata.n_vars)
    write_loom(tmp_path / "cells.loom", adata, cells=cells, genes=genes, layers=[("spliced", 2)])
    found = read(tmp_path / "cells.loom")
    same_values(found, adata)
    assert found.obs["cell_type"].tolist() == adata.obs["cell_type"].tolist()
    assert found.obsm["X_pca"].shape == (60, 2)
    assert found.var["Chromosome"].tolist() == list(range(50))
    doubled = read(tmp_path / "cells.loom", layer="spliced")
    assert (doubled.X != 2 * adata.X).nnz == 0
    with pytest.raises(InputError, match="has no layer 'x'; available: 'spliced'"):
        read(tmp_path / "cells.loom", layer="x")


def test_loom_whose_names_cannot_be_told_says_what_to_call_them(adata, tmp_path):
    write_loom(tmp_path / "cells.loom", adata)
    with h5py.File(tmp_path / "cells.loom", "a") as file:
        file.move("row_attrs/Gene", "row_attrs/one")
        file["row_attrs/two"] = file["row_attrs/one"][()]
    with pytest.raises(InputError, match=r"called 'Gene'.*found: 'Chromosome', 'one', 'two'; name the one"):
        read(tmp_path / "cells.loom")
