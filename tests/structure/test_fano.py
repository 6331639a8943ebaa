import numpy as np
import pytest
from scipy import sparse

from scgarage.errors import InputError
from scgarage.judge.clusters.selection import fano, fano_score


def test_fano_is_that_of_numpy(log_expr: sparse.csr_matrix) -> None:
    values = np.delete(np.expm1(log_expr.toarray()), 7, axis=1)
    found = fano(log_expr)
    assert np.isnan(found[7])
    assert np.delete(found, 7) == pytest.approx(values.var(axis=0, ddof=1) / values.mean(axis=0))


def test_score_is_the_factor_where_no_cell_is_an_outlier() -> None:
    log_expr = np.log1p(np.random.default_rng(0).poisson(8.0, size=(400, 20)))
    assert fano_score(log_expr) == pytest.approx(fano(log_expr))
    assert fano_score(log_expr) == pytest.approx(1.0, abs=0.3)


def test_one_cell_with_many_counts_does_not_make_a_gene_variable() -> None:
    counts = np.random.default_rng(1).poisson(1.0, size=(500, 30)).astype(float)
    counts[0, 4] = 300.0
    assert fano(np.log1p(counts))[4] > 50
    assert fano_score(np.log1p(counts))[4] < 3


def test_order_of_cells_and_genes_does_not_matter(log_expr: sparse.csr_matrix) -> None:
    rng = np.random.default_rng(2)
    cells, genes = rng.permutation(90), rng.permutation(40)
    assert np.isneginf(fano_score(log_expr)[7])
    assert fano_score(log_expr[cells][:, genes]) == pytest.approx(fano_score(log_expr)[genes])


def test_one_cell_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 cells"):
        fano_score(np.ones((1, 3)))
