"""Components against scikit-learn and against a data set in which types are made equal by repetition."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.decomposition import PCA

from scgarage.errors import InputError
from scgarage.pp import Components

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


def test_input_is_not_changed():
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
