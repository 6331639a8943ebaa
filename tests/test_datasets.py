import warnings

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.sparse as sp

from scgarage.datasets import pbmc68k, simulate
from scgarage.errors import InputError
from scgarage.io import detect_value_kind, read, write_h5ad


def test_pbmc68k_is_what_its_docstring_says():
    adata = pbmc68k()
    assert adata.shape == (700, 765)
    assert isinstance(adata.X, sp.csr_matrix)
    assert adata.X.dtype == np.float32
    assert (adata.layers["counts"] != adata.X).nnz == 0
    assert adata.X is not adata.layers["counts"]
    assert detect_value_kind(adata.X) == adata.uns["scgarage"]["value_kind"] == "counts"
    assert adata.X.max() == 259
    sizes = adata.obs["cell_type"].value_counts()
    assert (len(sizes), sizes["Dendritic"], sizes["CD4+/CD45RA+/CD25- Naive T"]) == (10, 240, 8)
    assert isinstance(adata.obs["cell_type"].dtype, pd.CategoricalDtype)
    assert {"n_counts", "percent_mito", "phase", "louvain"} <= set(adata.obs)
    assert "bulk_labels" not in adata.obs
    assert list(adata.uns) == ["scgarage"]
    assert not adata.obsm.keys() | adata.obsp.keys() | adata.varm.keys()
    assert adata.raw is None


def test_pbmc68k_gives_the_stored_values_back_when_normalised():
    stored = sc.datasets.pbmc68k_reduced()
    adata = pbmc68k()
    assert adata.obs_names.tolist() == stored.obs_names.tolist()
    assert adata.obs["cell_type"].astype(str).tolist() == stored.obs["bulk_labels"].astype(str).tolist()
    # The file does not say its target sum; the factor of a cell follows from its total.
    values = np.expm1(stored.raw.X.toarray().astype(float))
    counts = adata.X.toarray().astype(float)
    factor = values.sum(axis=1, keepdims=True) / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.log1p(counts * factor), stored.raw.X.toarray(), atol=0.003)


def test_pbmc68k_returns_independent_copies():
    first = pbmc68k()
    first.X.data[:] = 0
    assert pbmc68k().X.max() == 259


@pytest.mark.parametrize("make", [pbmc68k, lambda: simulate(50, 40, 2, 0.1, n_batches=2)])
def test_data_sets_can_be_written_and_used_in_scanpy(make, tmp_path):
    adata = make()
    write_h5ad(adata, tmp_path / "a.h5ad")
    found = read(tmp_path / "a.h5ad")
    assert (found.X != adata.X).nnz == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sc.pp.normalize_total(found, target_sum=1e4)
        sc.pp.log1p(found)
    assert detect_value_kind(found.X) == "log-normalised"


def test_simulated_data_have_the_announced_form():
    adata = simulate(400, 200, 4, 0.03, n_batches=3, random_state=5)
    assert adata.shape == (400, 200)
    assert isinstance(adata.X, sp.csr_matrix)
    assert adata.X.dtype == np.float32
    assert detect_value_kind(adata.X) == "counts"
    assert adata.obs["cell_type"].cat.categories.tolist() == ["type_1", "type_2", "type_3", "rare"]
    sizes = adata.obs["cell_type"].value_counts()
    assert sizes["rare"] == 12
    assert sizes["type_1"] / sizes["type_3"] == pytest.approx(3, rel=0.02)
    assert adata.obs["batch"].nunique() == 3
    assert "batch" not in simulate(100, 50, 2, 0.1).obs
    assert adata.uns["scgarage"]["simulation"]["types"] == adata.obs["cell_type"].cat.categories.tolist()


def test_the_same_seed_gives_the_same_data_and_another_does_not():
    first, again, other = (simulate(50, 50, 2, 0.1, random_state=seed) for seed in (1, 1, 2))
    assert (first.X != again.X).nnz == 0
    pd.testing.assert_frame_equal(first.obs, again.obs)
    assert (first.X != other.X).nnz > 0


def test_simulated_counts_follow_the_stated_negative_binomial():
    adata = simulate(20_000, 40, 2, 0.5, depth=1000, random_state=3)
    weight = adata.var["mean"].to_numpy()[:, None] * adata.varm["fold_change"]
    share = weight / weight.sum(axis=0)
    expected_depth = 1000 * np.exp(0.3**2 / 2)
    second_moment = 1000**2 * np.exp(2 * 0.3**2)
    for number, name in enumerate(adata.uns["scgarage"]["simulation"]["types"]):
        counts = adata.X[(adata.obs["cell_type"] == name).to_numpy()].toarray().astype(float)
        p, phi = share[:, number], adata.var["dispersion"].to_numpy()
        mean = expected_depth * p
        variance = mean + (1 + phi) * second_moment * p**2 - mean**2
        np.testing.assert_allclose(counts.mean(axis=0), mean, atol=5 * np.sqrt(variance.max() / 10_000), rtol=0.05)
        np.testing.assert_allclose(counts.var(axis=0), variance, rtol=0.2)


def test_markers_are_what_the_truth_says():
    adata = simulate(1000, 200, 4, 0.1, depth=5000)
    types = adata.uns["scgarage"]["simulation"]["types"]
    marker_of, fold_change = adata.var["marker_of"].to_numpy(), adata.varm["fold_change"]
    log_expr = np.log1p(adata.X.toarray())
    for number, name in enumerate(types):
        markers = marker_of == name
        assert markers.sum() == 10
        assert (fold_change[markers, number] >= 2**1.5).all()
        assert (np.delete(fold_change[markers], number, axis=1) == 1).all()
        inside = (adata.obs["cell_type"] == name).to_numpy()
        gap = log_expr[inside].mean(axis=0) - log_expr[~inside].mean(axis=0)
        assert gap[markers].mean() > gap[~markers].mean() + 0.5
    assert (fold_change[marker_of == ""] == 1).all()


def test_batches_differ_and_one_batch_has_no_effect():
    adata = simulate(2000, 50, 2, 0.1, n_batches=2)
    first = (adata.obs["batch"] == "batch_0").to_numpy()
    counts = adata.X.toarray()
    shift = np.log(counts[first].mean(axis=0) / counts[~first].mean(axis=0))
    assert 0.2 < shift.std() < 0.6


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"n_types": 1}, "n_types=1 must be at least 2"),
        ({"n_genes": 30}, "n_genes=30 must be at least 10"),
        ({"n_cells": 10}, "n_cells=10 must be at least 4"),
        ({"rare_fraction": 0}, "rare_fraction=0"),
        ({"rare_fraction": 0.5}, r"rare_fraction=0\.5"),
        ({"n_batches": 0}, "n_batches=0"),
        ({"depth": 3}, "depth=3"),
    ],
)
def test_arguments_without_sense_are_refused(arguments, expected):
    with pytest.raises(InputError, match=expected):
        simulate(**arguments)
