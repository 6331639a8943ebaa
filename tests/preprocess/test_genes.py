"""Highly variable genes against scanpy."""

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
from numpy.testing import assert_array_equal
from scipy import sparse

from scgarage.errors import InputError
from scgarage.io.cells import log1p_cp10k
from scgarage.pp import select_hvg


@pytest.fixture
def log_expr(tiny: ad.AnnData) -> sparse.csr_matrix:
    """log1p CP10k in which genes 3, 17 and 41 are silent."""
    counts = tiny.X.tolil()
    counts[:, [3, 17, 41]] = 0
    return log1p_cp10k(counts.tocsr())


@pytest.mark.parametrize("n_top_genes", [1, 25, 50])
def test_selection_is_that_of_scanpy_on_expressed_genes(log_expr, n_top_genes):
    expressed = np.setdiff1d(np.arange(60), [3, 17, 41])
    table = ad.AnnData(X=log_expr[:, expressed])
    sc.pp.highly_variable_genes(table, n_top_genes=n_top_genes)
    expected = np.zeros(60, dtype=bool)
    expected[expressed] = table.var["highly_variable"]
    assert expected.sum() == n_top_genes  # no ties here, so scanpy keeps the number
    assert_array_equal(select_hvg(log_expr, n_top_genes), expected)


@pytest.mark.parametrize(("n_top_genes", "n_selected"), [(1, 1), (56, 56), (57, 57), (58, 57), (60, 57), (900, 57)])
def test_number_is_exact_and_silent_genes_are_never_selected(log_expr, n_top_genes, n_selected):
    selected = select_hvg(log_expr, n_top_genes)
    assert selected.sum() == n_selected
    assert not selected[[3, 17, 41]].any()


def test_no_number_selects_every_gene(log_expr):
    assert select_hvg(log_expr, None).tolist() == [True] * 60


def test_ties_at_the_cut_off_fall_to_the_larger_dispersion(log_expr):
    expressed = np.setdiff1d(np.arange(60), [3, 17, 41])
    table = ad.AnnData(X=log_expr[:, expressed])
    sc.pp.highly_variable_genes(table, n_top_genes=10)
    kept = table.var[table.var["highly_variable"]]
    assert len(kept) > 10  # genes that are alone in their bin
    best = kept.sort_values(["dispersions_norm", "dispersions"], ascending=False).index[:10].astype(int)
    assert_array_equal(np.flatnonzero(select_hvg(log_expr, 10)), np.sort(expressed[best]))


def test_ties_do_not_add_genes(log_expr):
    twice = sparse.hstack([log_expr, log_expr], format="csr")  # every dispersion occurs twice
    assert select_hvg(twice, 11).sum() == 11


def test_dense_sparse_and_order_of_cells_and_genes_do_not_matter(log_expr):
    expected = select_hvg(log_expr, 12)
    assert_array_equal(select_hvg(log_expr.toarray(), 12), expected)
    rng = np.random.default_rng(0)
    cells, genes = rng.permutation(log_expr.shape[0]), rng.permutation(60)
    assert_array_equal(select_hvg(log_expr[cells][:, genes], 12), expected[genes])


def test_marker_genes_are_preferred(tiny):
    selected = select_hvg(log1p_cp10k(tiny.X), 20)
    is_marker = (tiny.var["marker_of"] != "").to_numpy()
    assert selected[is_marker].mean() > 1.5 * selected[~is_marker].mean()


def test_input_is_not_changed(log_expr):
    before = log_expr.copy()
    select_hvg(log_expr, 10)
    assert_array_equal(log_expr.toarray(), before.toarray())
    dense = before.toarray()
    select_hvg(dense, 10)
    assert_array_equal(dense, before.toarray())


def test_number_below_one_is_refused(log_expr):
    with pytest.raises(InputError, match="n_top_genes must be at least 1"):
        select_hvg(log_expr, 0)
