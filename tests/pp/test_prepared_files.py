"""What a data set needs before it can be used is done, and said; what has no one right way is refused."""

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
import scipy.sparse as sp

from scgarage.datasets import simulate
from scgarage.errors import InputError
from scgarage.io.cells import validate_expression, validate_labels
from scgarage.pp import prepare, split

pytestmark = pytest.mark.filterwarnings("ignore:zero-centering a sparse", "ignore:.* names are not unique:UserWarning")


@pytest.fixture
def cells():
    adata = simulate(150, 120, 3, 0.06, depth=800)
    del adata.layers["counts"]
    return adata[np.asarray((adata.X == 1).sum(axis=1)).ravel() > 0].copy()


def done(adata):
    return list(adata.uns["scgarage"]["prepared"])


def same_counts(one, other):
    return one.X.shape == other.X.shape and (sp.csr_matrix(one.X) != sp.csr_matrix(other.X)).nnz == 0


def test_cells_that_need_nothing_stay_as_they_are(cells):
    before = cells.copy()
    prepared = prepare(cells, labels_key="cell_type")
    assert done(prepared) == []
    assert same_counts(prepared, cells)
    assert prepared.obs["cell_type"].tolist() == cells.obs["cell_type"].tolist()
    assert "prepared" not in cells.uns.get("scgarage", {})
    assert same_counts(before, cells)


@pytest.mark.parametrize("place", ["layer", "raw"])
def test_counts_are_found_behind_scaled_values(cells, place):
    found = cells.copy()
    if place == "layer":
        found.layers["raw_counts"] = found.X.copy()
    else:
        found.raw = found.copy()
        found = found[:, :50].copy()  # raw has all genes
    sc.pp.normalize_total(found, target_sum=1e4)
    sc.pp.log1p(found)
    sc.pp.scale(found)
    prepared = prepare(found, labels_key="cell_type")
    assert same_counts(prepared, cells)
    assert prepared.uns["scgarage"]["value_kind"] == "counts"
    (said,) = done(prepared)
    assert "log1p" in found.uns
    assert "log1p" not in prepared.uns, "scanpy would take the counts for logarithms"
    assert said.startswith("counts were taken from adata." + ("layers" if place == "layer" else "raw"))
    assert (np.asarray(found.X) < 0).any()


def test_counts_come_back_from_logarithms(cells):
    found = cells.copy()
    sc.pp.normalize_total(found, target_sum=1e4)
    sc.pp.log1p(found)
    prepared = prepare(found)
    assert same_counts(prepared, cells)
    (said,) = done(prepared)
    assert said.startswith("the counts were recovered from the log-normalised values (natural logarithms")
    assert "10,000 per cell" in said


def test_log_values_behind_scaled_ones_are_kept_where_no_counts_can_be_recovered(cells):
    found = cells.copy()
    sc.pp.normalize_total(found, target_sum=1e4)
    sc.pp.log1p(found)
    logs = sp.csr_matrix(found.X)
    logs.data *= np.random.default_rng(0).uniform(0.9, 1.1, logs.nnz).astype(np.float32)
    found.layers["logs"] = logs
    sc.pp.scale(found)
    prepared = prepare(found)
    assert prepared.uns["scgarage"]["value_kind"] == "log-normalised"
    assert (sp.csr_matrix(prepared.X) != logs).nnz == 0
    assert [said.split(" ")[0] for said in done(prepared)] == ["log-normalised", "the"]


def test_layer_that_is_named_is_taken(cells):
    found = cells.copy()
    found.layers["twice"] = found.X * 2
    prepared = prepare(found, layer="twice")
    assert (prepared.X != cells.X * 2).nnz == 0
    assert done(prepared) == ["the values were taken from layer 'twice'"]


def test_names_labels_and_silent_cells(cells):
    found = cells.copy()
    labels = found.obs["cell_type"].astype(object).to_numpy()
    labels[:4] = [None, "", "NA", "unsure"]
    found.obs["cell_type"] = labels
    matrix = sp.lil_matrix(found.X)
    matrix[7] = 0
    found.X = sp.csr_matrix(matrix)
    found.obs_names = ["same"] * 2 + list(found.obs_names[2:])
    found.var_names = ["gene"] * 3 + list(found.var_names[3:])
    with pytest.raises(InputError, match=r"occur more than once.*sg\.pp\.prepare"):
        validate_expression(found)
    prepared = prepare(found, labels_key="cell_type")
    assert prepared.n_obs == found.n_obs - 5
    assert list(prepared.var_names[:3]) == ["gene", "gene-1", "gene-2"]
    assert len(done(prepared)) == 4
    assert validate_expression(prepared, warn_silent_genes=False) == "counts"
    validate_labels(prepared, "cell_type")
    assert set(prepared.obs["cell_type"].cat.categories) <= set(cells.obs["cell_type"])
    assert split(prepared, labels_key="cell_type").train.n_obs > 0


def test_says_nothing_of_names_that_it_mends(cells, recwarn):
    cells.obs_names = ["same"] * 2 + list(cells.obs_names[2:])
    recwarn.clear()
    prepare(cells, labels_key="cell_type")
    assert not [warning for warning in recwarn if "not unique" in str(warning.message)]


def test_goes_through_a_file(cells, tmp_path):
    found = cells.copy()
    found.obs_names = ["same"] * 2 + list(found.obs_names[2:])
    prepare(found, labels_key="cell_type").write_h5ad(tmp_path / "cells.h5ad")
    again = ad.read_h5ad(tmp_path / "cells.h5ad")
    assert done(again) == ["repeated cell names were numbered: 'same'"]
    assert done(prepare(again, labels_key="cell_type")) == []


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda adata: adata.obs.drop(columns="cell_type"), "has no 'cell_type'"),
        (lambda adata: adata.obs.assign(cell_type="NA"), "nothing would be left"),
        (lambda adata: adata.obs.assign(cell_type="one"), "one label"),
        (lambda adata: adata.obs.assign(cell_type=np.linspace(0, 1, adata.n_obs)), "looks like a measurement"),
    ],
)
def test_labels_that_cannot_be_mended_are_refused(cells, spoil, match):
    cells.obs = spoil(cells)
    with pytest.raises(InputError, match=match):
        prepare(cells, labels_key="cell_type")


def test_values_that_cannot_be_mended_are_refused(cells):
    broken = cells.copy()
    broken.X.data[0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        prepare(broken)
    shares = cells.copy()
    shares.X = np.random.default_rng(0).beta(2, 5, shares.shape) * (shares.X.toarray() > 0)
    with pytest.raises(InputError, match="cannot be used"):
        prepare(shares)
    with pytest.raises(InputError, match="no 'nope'"):
        prepare(cells, layer="nope")
