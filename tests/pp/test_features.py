"""Highly variable genes against scanpy."""

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.preprocessing import MaxAbsScaler

from scgarage.errors import InputError
from scgarage.io.cells import log1p_cp10k
from scgarage.pp import Components, MaxScaler, balanced_components, communities, select_hvg


@pytest.fixture(scope="module")
def planted():
    """285 cells that vary along many genes, and 15 of a rare type that differ in five others."""
    rng = np.random.default_rng(0)
    names = np.repeat(["common", "rare"], [285, 15])
    values = np.zeros((300, 40))
    values[:, :30] = np.repeat(rng.normal(size=(300, 6)), 5, axis=1) + 0.2 * rng.normal(size=(300, 30))
    values[:, 30:] = 0.3 * rng.normal(size=(300, 10))
    values[names == "rare", 35:] += 3.0
    return values - values.min(), names


def separation(components, values, names):
    """Distance of the means along the components, in standard deviations of the cells."""
    points = components.transform(values)
    apart = points[names == "rare"].mean(axis=0) - points[names == "common"].mean(axis=0)
    return np.linalg.norm(apart)


def test_with_labels_these_are_the_class_balanced_components(planted):
    values, names = planted
    found, expected = balanced_components(values, 3, labels=names), Components.fit(values, 3, labels=names)
    assert_array_equal(found.axes, expected.axes)


def test_without_labels_communities_stand_in(planted):
    values, _ = planted
    first = communities(Components.fit(values, 4).transform(values), (2.0,))[0].astype(str)
    assert_array_equal(balanced_components(values, 4).axes, Components.fit(values, 4, labels=first).axes)


def test_a_rare_type_lies_further_out_than_on_ordinary_components(planted):
    values, names = planted
    ordinary = separation(Components.fit(values, 8), values, names)
    assert separation(balanced_components(values, 8), values, names) >= ordinary
    assert separation(balanced_components(values, 2, labels=names), values, names) > 2 * separation(
        Components.fit(values, 2), values, names
    )


def test_sparse_and_dense_agree(planted):
    values, names = planted
    dense, csr = (balanced_components(kind(values), 3, labels=names) for kind in (np.asarray, sparse.csr_matrix))
    np.testing.assert_allclose(dense.axes, csr.axes, atol=1e-5)


def test_labels_of_other_cells_are_refused(planted):
    with pytest.raises(InputError, match="one entry per cell"):
        balanced_components(planted[0], 3, labels=planted[1][:-1])


@pytest.fixture
def log_expr_genes(tiny: ad.AnnData) -> sparse.csr_matrix:
    """log1p CP10k in which genes 3, 17 and 41 are silent."""
    counts = tiny.X.tolil()
    counts[:, [3, 17, 41]] = 0
    return log1p_cp10k(counts.tocsr())


@pytest.mark.parametrize("n_top_genes", [1, 25, 50])
def test_selection_is_that_of_scanpy_on_expressed_genes(log_expr_genes, n_top_genes):
    expressed = np.setdiff1d(np.arange(60), [3, 17, 41])
    table = ad.AnnData(X=log_expr_genes[:, expressed])
    sc.pp.highly_variable_genes(table, n_top_genes=n_top_genes)
    expected = np.zeros(60, dtype=bool)
    expected[expressed] = table.var["highly_variable"]
    assert expected.sum() == n_top_genes  # no ties here, so scanpy keeps the number
    assert_array_equal(select_hvg(log_expr_genes, n_top_genes), expected)


@pytest.mark.parametrize(("n_top_genes", "n_selected"), [(1, 1), (56, 56), (57, 57), (58, 57), (60, 57), (900, 57)])
def test_number_is_exact_and_silent_genes_are_never_selected(log_expr_genes, n_top_genes, n_selected):
    selected = select_hvg(log_expr_genes, n_top_genes)
    assert selected.sum() == n_selected
    assert not selected[[3, 17, 41]].any()


def test_no_number_selects_every_gene(log_expr_genes):
    assert select_hvg(log_expr_genes, None).tolist() == [True] * 60


def test_ties_at_the_cut_off_fall_to_the_larger_dispersion(log_expr_genes):
    expressed = np.setdiff1d(np.arange(60), [3, 17, 41])
    table = ad.AnnData(X=log_expr_genes[:, expressed])
    sc.pp.highly_variable_genes(table, n_top_genes=10)
    kept = table.var[table.var["highly_variable"]]
    assert len(kept) > 10  # genes that are alone in their bin
    best = kept.sort_values(["dispersions_norm", "dispersions"], ascending=False).index[:10].astype(int)
    assert_array_equal(np.flatnonzero(select_hvg(log_expr_genes, 10)), np.sort(expressed[best]))


def test_ties_do_not_add_genes(log_expr_genes):
    twice = sparse.hstack([log_expr_genes, log_expr_genes], format="csr")  # every dispersion occurs twice
    assert select_hvg(twice, 11).sum() == 11


def test_dense_sparse_and_order_of_cells_and_genes_do_not_matter(log_expr_genes):
    expected = select_hvg(log_expr_genes, 12)
    assert_array_equal(select_hvg(log_expr_genes.toarray(), 12), expected)
    rng = np.random.default_rng(0)
    cells, genes = rng.permutation(log_expr_genes.shape[0]), rng.permutation(60)
    assert_array_equal(select_hvg(log_expr_genes[cells][:, genes], 12), expected[genes])


def test_marker_genes_are_preferred(tiny):
    selected = select_hvg(log1p_cp10k(tiny.X), 20)
    is_marker = (tiny.var["marker_of"] != "").to_numpy()
    assert selected[is_marker].mean() > 1.5 * selected[~is_marker].mean()


def test_genes_input_is_not_changed(log_expr_genes):
    before = log_expr_genes.copy()
    select_hvg(log_expr_genes, 10)
    assert_array_equal(log_expr_genes.toarray(), before.toarray())
    dense = before.toarray()
    select_hvg(dense, 10)
    assert_array_equal(dense, before.toarray())


def test_number_below_one_is_refused(log_expr_genes):
    with pytest.raises(InputError, match="n_top_genes must be at least 1"):
        select_hvg(log_expr_genes, 0)


SIZES = (60, 20, 4)


def cells() -> tuple[np.ndarray, np.ndarray]:
    """Sparse-looking values of three types; the rare one differs along genes 20 to 24 only."""
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b", "rare"], SIZES)
    x = rng.gamma(1.0, 1.0, size=(sum(SIZES), 30)) * (rng.random((sum(SIZES), 30)) < 0.5)
    x[:, :6] *= rng.gamma(1.0, 3.0, size=(sum(SIZES), 1))  # a factor that has nothing to do with types
    x[labels == "b", 10:15] += 3
    x[labels == "rare", 20:25] += 2
    order = rng.permutation(len(x))
    return x[order].astype(np.float32), labels[order]


def same_up_to_sign(found: np.ndarray, expected: np.ndarray, atol: float) -> None:
    signs = np.sign((found * expected).sum(axis=1))[:, None]
    assert_allclose(found * signs, expected, atol=atol)


def test_without_labels_they_are_those_of_scikit_learn():
    x, _ = cells()
    expected = PCA(5, svd_solver="full").fit(x.astype(np.float64))
    found = Components.fit(x, 5)
    assert_allclose(found.mean, expected.mean_, rtol=1e-6)
    same_up_to_sign(found.axes, expected.components_, atol=1e-5)
    same_up_to_sign(found.transform(x).T, expected.transform(x.astype(np.float64)).T, atol=1e-4)


def test_more_genes_than_cells():
    x, _ = cells()
    x = np.hstack([x, x[::-1], x[:, ::-1] ** 2])[:40].astype(np.float64)  # 90 genes
    same_up_to_sign(Components.fit(x, 5).axes, PCA(5, svd_solver="full").fit(x).components_, atol=1e-5)


def test_balanced_ones_are_those_of_types_repeated_to_equal_size():
    x, labels = cells()
    copies = np.select([labels == "a", labels == "b"], [1, 3], 15)  # 60 cells of each type
    repeated = np.repeat(x, copies, axis=0).astype(np.float64)
    assert set(np.unique(np.repeat(labels, copies), return_counts=True)[1]) == {60}
    expected = PCA(5, svd_solver="full").fit(repeated)
    found = Components.fit(x, 5, labels=labels)
    assert_allclose(found.mean, expected.mean_, rtol=1e-5)
    same_up_to_sign(found.axes, expected.components_, atol=1e-5)


def test_balance_changes_nothing_when_types_are_equal_already():
    x, _ = cells()
    labels = np.repeat(["p", "q"], len(x) // 2)
    assert_allclose(Components.fit(x, 4, labels=labels).axes, Components.fit(x, 4).axes, atol=1e-5)


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize("balanced", [False, True])
def test_sparse_equals_dense(container, balanced):
    x, labels = cells()
    labels = labels if balanced else None
    dense, found = Components.fit(x, 6, labels=labels), Components.fit(container(x), 6, labels=labels)
    assert_allclose(found.axes, dense.axes, atol=1e-5)
    assert_allclose(found.transform(container(x)), dense.transform(x), atol=1e-4)
    assert isinstance(found.transform(container(x)), np.ndarray)


def test_sparse_input_is_not_made_dense():
    n_genes = 3_000_000  # 100 cells would be 2.4 GB in float64
    rng = np.random.default_rng(0)
    x = sparse.random(100, n_genes, density=1e-5, format="csr", dtype=np.float32, rng=rng)
    assert Components.fit(x, 2).transform(x).shape == (100, 2)


@pytest.mark.parametrize("balanced", [False, True])
def test_order_of_cells_and_unit_and_names_of_types_do_not_matter(balanced):
    x, labels = cells()
    order = np.random.default_rng(1).permutation(len(x))
    first = Components.fit(x, 4, labels=labels if balanced else None)
    shuffled = Components.fit(x[order], 4, labels=labels[order] if balanced else None)
    scaled = Components.fit(x * 2, 4, labels=np.char.upper(labels) if balanced else None)
    assert_allclose(shuffled.axes, first.axes, atol=1e-5)
    assert_allclose(scaled.axes, first.axes, atol=1e-5)


def test_same_seed_same_bytes_and_another_seed_the_same_axes():
    x, labels = cells()
    first, second, other = (Components.fit(x, 4, labels=labels, random_state=s) for s in (0, 0, 1))
    assert_array_equal(first.axes, second.axes)
    assert_allclose(other.axes, first.axes, atol=1e-5)


def test_axes_are_orthonormal_ordered_and_scores_are_centred():
    x, _ = cells()
    found = Components.fit(x, 10)
    assert_allclose(found.axes @ found.axes.T, np.eye(10), atol=1e-5)
    scores = found.transform(x)
    assert_allclose(scores.mean(axis=0), 0, atol=1e-4)
    assert (np.diff(scores.var(axis=0)) < 0).all()
    assert found.axes.dtype == scores.dtype == np.float32


def test_rare_type_is_told_apart_better_when_types_are_balanced():
    x, labels = cells()

    def separation(components: Components) -> float:
        scores = components.transform(x)
        rare, others = scores[labels == "rare"], scores[labels != "rare"]
        return float(np.linalg.norm(rare.mean(axis=0) - others.mean(axis=0)) / others.std(axis=0).max())

    plain, balanced = Components.fit(x, 2), Components.fit(x, 2, labels=labels)
    assert separation(balanced) > 2 * separation(plain)


@pytest.mark.parametrize("n_components", [50, 29])
def test_number_of_components_is_cut_to_the_data(n_components):
    x, _ = cells()
    assert Components.fit(x, n_components).axes.shape == (29, 30)
    assert Components.fit(x[:5], n_components).axes.shape == (4, 30)


def test_pca_input_is_not_changed():
    x, labels = cells()
    for values in (x, x.astype(np.float64), sparse.csr_matrix(x.astype(np.float64))):
        before = values.copy()
        Components.fit(values, 3, labels=labels).transform(values)
        assert abs(values - before).max() == 0


def test_unusable_input_is_refused():
    x, labels = cells()
    with pytest.raises(InputError, match="at least 3 cells"):
        Components.fit(x[:2])
    with pytest.raises(InputError, match="at least 3 cells, 2 genes"):
        Components.fit(x[:, :1])
    with pytest.raises(InputError, match="n_components=1"):
        Components.fit(x, 0)
    with pytest.raises(InputError, match="one entry per cell"):
        Components.fit(x, labels=labels[:-1])
    with pytest.raises(InputError, match="all cells are the same"):
        Components.fit(np.full((9, 4), 0.1))
    with pytest.raises(InputError, match="fitted on 30 genes; found 29"):
        Components.fit(x).transform(x[:, 1:])


def log_expr_scale(n_cells: int = 300) -> np.ndarray:
    rng = np.random.default_rng(0)
    values = rng.gamma(1.0, 2.0, size=(n_cells, 8)) * (rng.random((n_cells, 8)) < 0.3)
    values[:, 5] = 0
    return values.astype(np.float32)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_values_are_those_of_scikit_learn(container):
    x = log_expr_scale()
    expected = MaxAbsScaler().fit_transform(x)
    found = MaxScaler.fit(container(x)).transform(container(x))
    dense = found.toarray() if sparse.issparse(found) else found
    assert dense.dtype == np.float32
    assert_allclose(dense, expected, rtol=1e-6)
    assert dense.max(axis=0)[[0, 1, 2, 3, 4, 6, 7]].tolist() == [1.0] * 7  # exactly, never above


def test_sparse_stays_sparse_and_equals_dense():
    x = log_expr_scale()
    scaler = MaxScaler.fit(x)
    found = scaler.transform(sparse.csr_matrix(x))
    assert isinstance(found, sparse.csr_matrix)
    assert found.nnz == np.count_nonzero(x)
    assert_array_equal(found.toarray(), scaler.transform(x))


def test_inverse_gives_the_values_back():
    x = log_expr_scale()
    scaler = MaxScaler.fit(x)
    assert_allclose(scaler.inverse_transform(scaler.transform(x)), x, rtol=3e-7)


def test_gene_without_expression_stays_zero_and_finite():
    x = log_expr_scale()
    scaler = MaxScaler.fit(x)
    assert scaler.maximum[5] == 1
    assert_array_equal(scaler.transform(x)[:, 5], 0)
    other = np.ones((1, 8), dtype=np.float32)
    assert scaler.transform(other)[0, 5] == 1
    assert_allclose(scaler.inverse_transform(scaler.transform(other)), other, rtol=3e-7)


def test_unit_and_order_of_cells_do_not_matter():
    x = log_expr_scale()
    scaled = MaxScaler.fit(x).transform(x)
    order = np.random.default_rng(1).permutation(len(x))
    assert_array_equal(MaxScaler.fit(x[order]).transform(x[order]), scaled[order])
    assert_allclose(MaxScaler.fit(x * 3).transform(x * 3), scaled, rtol=1e-6)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_scale_input_is_not_changed(container):
    x = container(log_expr_scale())
    before = x.copy()
    MaxScaler.fit(x).transform(x)
    assert abs(x - before).max() == 0


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("bad", [-0.1, np.nan])
def test_negative_and_missing_values_are_refused(container, bad):
    x = log_expr_scale()
    x[3, 4] = bad
    with pytest.raises(InputError, match="values >= 0"):
        MaxScaler.fit(container(x))


def test_no_cells_are_refused():
    with pytest.raises(InputError, match="at least one cell"):
        MaxScaler.fit(np.empty((0, 3)))
