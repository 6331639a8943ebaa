import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, recall_score

from scgarage.judge.rare import SCORES
from scgarage.judge.rare.scores import prevalence_weights, score_type


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [60, 30, 10])
    probabilities = rng.dirichlet(np.ones(3), size=100) + np.eye(3)[codes] * 0.4
    return probabilities / probabilities.sum(axis=1, keepdims=True), codes, rng.uniform(0.1, 2, size=100)


def test_scores_are_scikit_learns(case):
    probabilities, codes, weights = case
    scores = score_type(probabilities, codes, 2, weights)
    found = probabilities.argmax(axis=1)
    assert set(scores) == set(SCORES)
    expected = average_precision_score(codes == 2, probabilities[:, 2], sample_weight=weights)
    assert scores["auprc"] == pytest.approx(expected, abs=1e-12)
    assert scores["f1"] == pytest.approx(f1_score(codes == 2, found == 2, sample_weight=weights))
    assert scores["recall"] == pytest.approx(recall_score(codes == 2, found == 2, sample_weight=weights))
    assert scores["macro_f1"] == pytest.approx(f1_score(codes, found, average="macro", sample_weight=weights))


def test_best_threshold_is_that_of_a_search_over_all(case):
    probabilities, codes, weights = case
    tried = [f1_score(codes == 2, probabilities[:, 2] >= cut, sample_weight=weights) for cut in probabilities[:, 2]]
    assert score_type(probabilities, codes, 2, weights)["f1_best_threshold"] == pytest.approx(max(tried))


def test_a_weight_of_two_is_the_cell_twice(case):
    probabilities, codes, _ = case
    weights = np.ones(100)
    weights[-10:] = 2
    twice = np.r_[np.arange(100), np.arange(90, 100)]
    expected = score_type(probabilities[twice], codes[twice], 2, np.ones(110))
    assert score_type(probabilities, codes, 2, weights) == pytest.approx(expected)


def test_auprc_depends_on_the_ranking_only_and_f1_on_the_threshold(case):
    probabilities, codes, weights = case
    lowered = probabilities * [1, 1, 0.3]
    first, second = (score_type(values, codes, 2, weights) for values in (probabilities, lowered))
    assert second["auprc"] == first["auprc"]
    assert second["f1_best_threshold"] == pytest.approx(first["f1_best_threshold"])
    assert second["f1"] < first["f1"]


def test_every_target_has_the_prevalence_asked_for():
    codes = np.repeat([0, 1, 2, 3], [500, 300, 77, 20])
    weights = prevalence_weights(codes, np.array([2, 3]), 0.01)
    shares = np.bincount(codes, weights) / weights.sum()
    np.testing.assert_allclose(shares[2:], 0.01)
    assert (weights[:800] == 1).all()
    assert (prevalence_weights(codes, np.array([2, 3]), None) == 1).all()


def test_chance_has_the_prevalence_as_auprc():
    codes = np.repeat([0, 1], [20_000, 5000])
    weights = prevalence_weights(codes, np.array([1]), 0.01)
    score = np.random.default_rng(0).random(25_000)
    assert score_type(np.c_[1 - score, score], codes, 1, weights)["auprc"] == pytest.approx(0.01, rel=0.1)
