import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from sklearn.decomposition import PCA

from scgarage.errors import InputError
from scgarage.judge.clusters.selection import (
    SELECTIONS,
    GeneMoments,
    choose_selections,
    clipped_variance,
    cv2,
    cv2_score,
    fano,
    fano_score,
    fit_trend,
    pca_loading_score,
    rank_genes,
    select_genes,
)


def test_cv2_is_that_of_numpy(log_expr: sparse.csr_matrix) -> None:
    values = np.delete(np.expm1(log_expr.toarray()), 7, axis=1)
    expected = (values.std(axis=0, ddof=1) / values.mean(axis=0)) ** 2
    found = cv2(GeneMoments.of(log_expr))
    assert np.isnan(found[7])
    assert np.delete(found, 7) == pytest.approx(expected)


def test_trend_has_the_least_gamma_deviance() -> None:
    rng = np.random.default_rng(1)
    mean = rng.lognormal(0, 1.5, 400)
    variation = (2.0 / mean + 0.3) * rng.gamma(5, 1 / 5, 400)

    def deviance(coefficients: np.ndarray) -> float:
        fitted = coefficients[0] / mean + coefficients[1]
        return float((variation / fitted + np.log(fitted)).sum())

    precise = {"xatol": 1e-9, "fatol": 1e-9}
    oracle = minimize(deviance, [1.0, 1.0], method="Nelder-Mead", bounds=[(0.01, 9), (0.01, 9)], options=precise)
    found = fit_trend(mean, variation)
    assert found == pytest.approx(oracle.x, rel=1e-4)
    assert found == pytest.approx((2.0, 0.3), rel=0.15)


def test_poisson_genes_of_any_mean_score_one_and_a_marker_more() -> None:
    rng = np.random.default_rng(2)
    rates = np.geomspace(0.05, 20, 60)
    counts = rng.poisson(rates, size=(3000, 60)).astype(float)
    counts[:150, 30] = rng.poisson(30, 150)
    score = cv2_score(np.log1p(counts))
    assert score.argmax() == 30
    assert np.delete(score, 30) == pytest.approx(1.0, abs=0.35)


def test_cv2_one_cell_with_many_counts_does_not_make_a_gene_variable() -> None:
    counts = np.random.default_rng(3).poisson(1.0, size=(500, 30)).astype(float)
    counts[0, 4] = 300.0
    assert cv2(GeneMoments.of(np.log1p(counts))).argmax() == 4
    assert cv2_score(np.log1p(counts))[4] < 3.0


def test_genes_in_too_few_cells_have_no_score(log_expr: sparse.csr_matrix) -> None:
    assert np.flatnonzero(np.isneginf(cv2_score(log_expr))).tolist() == [7, 9]


def test_cv2_order_of_cells_and_genes_does_not_matter(log_expr: sparse.csr_matrix) -> None:
    rng = np.random.default_rng(4)
    cells, genes = rng.permutation(90), rng.permutation(40)
    assert cv2_score(log_expr[cells][:, genes]) == pytest.approx(cv2_score(log_expr)[genes])


def test_cv2_one_cell_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 cells"):
        cv2_score(np.ones((1, 3)))


def test_fano_is_that_of_numpy(log_expr: sparse.csr_matrix) -> None:
    values = np.delete(np.expm1(log_expr.toarray()), 7, axis=1)
    found = fano(GeneMoments.of(log_expr))
    assert np.isnan(found[7])
    assert np.delete(found, 7) == pytest.approx(values.var(axis=0, ddof=1) / values.mean(axis=0))


def test_score_is_the_factor_where_no_cell_is_an_outlier() -> None:
    log_expr = np.log1p(np.random.default_rng(0).poisson(8.0, size=(400, 20)))
    assert fano_score(log_expr) == pytest.approx(fano(GeneMoments.of(log_expr)))
    assert fano_score(log_expr) == pytest.approx(1.0, abs=0.3)


def test_fano_one_cell_with_many_counts_does_not_make_a_gene_variable() -> None:
    counts = np.random.default_rng(1).poisson(1.0, size=(500, 30)).astype(float)
    counts[0, 4] = 300.0
    assert fano(GeneMoments.of(np.log1p(counts)))[4] > 50
    assert fano_score(np.log1p(counts))[4] < 3


def test_fano_order_of_cells_and_genes_does_not_matter(log_expr: sparse.csr_matrix) -> None:
    rng = np.random.default_rng(2)
    cells, genes = rng.permutation(90), rng.permutation(40)
    assert np.isneginf(fano_score(log_expr)[7])
    assert fano_score(log_expr[cells][:, genes]) == pytest.approx(fano_score(log_expr)[genes])


def test_fano_one_cell_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 cells"):
        fano_score(np.ones((1, 3)))


def test_moments_are_those_of_numpy(log_expr: sparse.csr_matrix) -> None:
    values = np.expm1(log_expr.toarray())
    moments = GeneMoments.of(log_expr)
    assert moments.mean == pytest.approx(values.mean(axis=0))
    assert moments.variance == pytest.approx(values.var(axis=0, ddof=1))
    assert moments.n_detected.tolist() == (values > 0).sum(axis=0).tolist()
    assert GeneMoments.of(log_expr.toarray()).variance == pytest.approx(moments.variance)


def test_steady_gene_with_large_mean_keeps_its_variance() -> None:
    values = 1e4 + np.tile([0.0, 0.1], 50)[:, None]
    assert GeneMoments.of(np.log1p(values)).variance == pytest.approx(values.var(axis=0, ddof=1), rel=1e-6)


def test_clipped_variance_matches_numpy(log_expr: sparse.csr_matrix) -> None:
    values = np.expm1(log_expr.toarray())
    expected = np.full(40, 0.4)
    bounded = np.minimum(values, values.mean(axis=0) + np.sqrt(90 * 0.4))
    oracle = ((bounded - values.mean(axis=0)) ** 2).sum(axis=0) / 89
    found = clipped_variance(log_expr, GeneMoments.of(log_expr), expected)
    assert found == pytest.approx(oracle)
    assert (oracle < values.var(axis=0, ddof=1) - 1e-6).any()


def test_input_is_left_as_it_was(log_expr: sparse.csr_matrix) -> None:
    before = log_expr.copy()
    clipped_variance(log_expr, GeneMoments.of(log_expr), np.full(40, 0.1))
    assert (log_expr != before).nnz == 0


def test_moments_one_cell_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 cells; found 1"):
        GeneMoments.of(np.ones((1, 3)))


def test_loadings_are_those_of_scikit_learn(log_expr: sparse.csr_matrix) -> None:
    oracle = np.abs(PCA(3, svd_solver="full").fit(log_expr.toarray()).components_).sum(axis=0)
    found = pca_loading_score(log_expr)
    assert np.isneginf(found[7])
    assert np.delete(found, 7) == pytest.approx(np.delete(oracle, 7), abs=1e-4)


def test_pca_loading_order_of_cells_and_genes_does_not_matter(log_expr: sparse.csr_matrix) -> None:
    rng = np.random.default_rng(0)
    cells, genes = rng.permutation(90), rng.permutation(40)
    moved = pca_loading_score(log_expr[cells][:, genes], random_state=5)
    assert moved == pytest.approx(pca_loading_score(log_expr)[genes], abs=1e-4)


def test_cells_that_are_all_the_same_are_refused() -> None:
    with pytest.raises(InputError, match="all cells are the same"):
        pca_loading_score(np.ones((5, 4)))


@pytest.mark.parametrize("selection", SELECTIONS)
def test_top_genes_have_the_highest_scores(log_expr: sparse.csr_matrix, selection) -> None:
    score = SELECTIONS[selection](log_expr)
    genes = select_genes(log_expr, 12, selection=selection)
    assert len(set(genes)) == 12
    assert score[genes].tolist() == np.sort(score)[::-1][:12].tolist()


@pytest.mark.parametrize("selection", SELECTIONS)
def test_more_genes_than_there_are_give_all_that_have_a_score(log_expr: sparse.csr_matrix, selection) -> None:
    genes = select_genes(log_expr, 1000, selection=selection)
    assert 7 not in genes
    assert len(genes) == (38 if selection == "cv2" else 39)


def test_ties_keep_the_order_of_genes() -> None:
    assert rank_genes(np.array([1.0, 2.0, np.nan, 2.0, -np.inf])).tolist() == [1, 3, 0]


def test_all_means_every_selection_and_number() -> None:
    assert choose_selections("fano", 50) == [("fano", 50)]
    expected = [(name, number) for name in ("cv2", "fano", "pca_loading") for number in (20, 50)]
    assert choose_selections("all", (50, 20, 50)) == expected


def test_unusable_arguments_are_refused(log_expr: sparse.csr_matrix) -> None:
    with pytest.raises(InputError, match="selection is 'hvg'; expected one of: cv2"):
        select_genes(log_expr, 10, selection="hvg")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="selection is 'hvg'"):
        choose_selections("hvg", 10)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="n_top_genes holds 1"):
        select_genes(log_expr, 1)
    with pytest.raises(InputError, match="n_top_genes is empty"):
        choose_selections("all", ())
    with pytest.raises(InputError, match="only 1 genes"):
        rank_genes(np.array([1.0, np.nan]))
