from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scgarage.judge.rare import COMPARATORS, PIPELINES
from scgarage.judge.rare.pipelines import INVERSE_PENALTIES, Tuning, choose_inverse_penalty, knn, logistic, shrunk_lda


@pytest.fixture
def test_cells(train):
    return train.log_expr[np.random.default_rng(1).permutation(73)[:30]] + np.float32(0.1)


def test_shrunk_lda_is_scikit_learns_on_the_components(train, test_cells):
    pca = PCA(19, svd_solver="full")
    lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.3)
    expected = make_pipeline(pca, lda).fit(train.log_expr.astype(float), train.codes).predict_proba(test_cells)
    np.testing.assert_allclose(shrunk_lda(train, test_cells, Tuning()), expected, atol=1e-4)


def test_shrunk_lda_takes_weights_for_its_components_only(train, test_cells):
    balanced, weighted = (COMPARATORS[name](train, {}, 0) for name in ("balanced-pca", "class-weights"))
    np.testing.assert_array_equal(*(shrunk_lda(which, test_cells, Tuning()) for which in (balanced, weighted)))


def test_logistic_regression_is_scikit_learns_on_the_components(train, test_cells):
    model = make_pipeline(PCA(19), StandardScaler(), LogisticRegression(C=0.5, tol=1e-6, class_weight="balanced"))
    expected = model.fit(train.log_expr.astype(float), train.codes).predict_proba(test_cells)
    weighted = replace(train, balanced_classifier=True)
    np.testing.assert_allclose(logistic(weighted, test_cells, Tuning(inverse_penalty=0.5)), expected, atol=0.01)


def test_knn_is_scikit_learns_without_class_weights(train, test_cells):
    model = make_pipeline(PCA(19), KNeighborsClassifier(15, weights="distance"))
    expected = model.fit(train.log_expr.astype(float), train.codes).predict_proba(test_cells)
    np.testing.assert_allclose(knn(train, test_cells, Tuning()), expected, atol=1e-3)


def test_knn_weights_are_like_repeating_cells_of_small_types(train, test_cells):
    equal = replace(train, balanced_classifier=True)
    votes = knn(train, test_cells, Tuning()) / np.bincount(train.codes)
    np.testing.assert_allclose(knn(equal, test_cells, Tuning()), votes / votes.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("name", PIPELINES)
def test_every_pipeline_gives_probabilities_and_repeats_itself(train, test_cells, name):
    first, again = (PIPELINES[name](train, test_cells, Tuning(n_trees=10)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (30, 3)
    np.testing.assert_allclose(first.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", PIPELINES)
def test_the_order_of_test_cells_does_not_matter(train, test_cells, name):
    whole = PIPELINES[name](train, test_cells, Tuning(n_trees=5))
    turned = PIPELINES[name](train, test_cells[::-1], Tuning(n_trees=5))
    np.testing.assert_allclose(turned[::-1], whole, atol=1e-4)


@pytest.mark.parametrize("name", PIPELINES)
def test_a_type_without_training_cells_is_never_found(train, test_cells, name):
    without = replace(train, log_expr=train.log_expr[:65], codes=train.codes[:65])
    assert (PIPELINES[name](without, test_cells, Tuning(n_trees=5))[:, 2] == 0).all()


def test_penalty_is_chosen_on_training_cells_alone(train):
    assert choose_inverse_penalty(train, random_state=0) in INVERSE_PENALTIES
    rng = np.random.default_rng(0)
    noise = replace(train, log_expr=rng.normal(size=train.log_expr.shape).astype(np.float32))
    assert choose_inverse_penalty(noise, random_state=0) == min(INVERSE_PENALTIES)
    clear = replace(train, log_expr=noise.log_expr * 0.1 + 5 * np.eye(20, dtype=np.float32)[train.codes])
    assert choose_inverse_penalty(clear, random_state=0) == max(INVERSE_PENALTIES)
