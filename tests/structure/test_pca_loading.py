import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA

from scgarage.errors import InputError
from scgarage.judge.clusters.selection import pca_loading_score


def test_loadings_are_those_of_scikit_learn(log_expr: sparse.csr_matrix) -> None:
    oracle = np.abs(PCA(3, svd_solver="full").fit(log_expr.toarray()).components_).sum(axis=0)
    found = pca_loading_score(log_expr)
    assert np.isneginf(found[7])
    assert np.delete(found, 7) == pytest.approx(np.delete(oracle, 7), abs=1e-4)


def test_order_of_cells_and_genes_does_not_matter(log_expr: sparse.csr_matrix) -> None:
    rng = np.random.default_rng(0)
    cells, genes = rng.permutation(90), rng.permutation(40)
    moved = pca_loading_score(log_expr[cells][:, genes], random_state=5)
    assert moved == pytest.approx(pca_loading_score(log_expr)[genes], abs=1e-4)


def test_cells_that_are_all_the_same_are_refused() -> None:
    with pytest.raises(InputError, match="all cells are the same"):
        pca_loading_score(np.ones((5, 4)))
