import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import NearestCentroid

from scgarage.errors import InputError
from scgarage.metrics import c2st, c2st_forest, c2st_logistic, label_fidelity


def two_sets(shift: float, n: int = 60, n_dims: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n_dims)), rng.normal(shift, 1, size=(n, n_dims))


def by_hand(classifier, real: np.ndarray, synthetic: np.ndarray, *, standardise: bool) -> float:
    """The test written out fold by fold."""
    features = np.concatenate([real, synthetic])
    truth = np.r_[np.zeros(len(real)), np.ones(len(synthetic))]
    probability = np.zeros(len(truth))
    for fit, predict in StratifiedKFold(3, shuffle=True, random_state=7).split(features, truth):
        centre, width = features[fit].mean(0), features[fit].std(0)
        scaled = (features - centre) / width if standardise else features
        probability[predict] = classifier.fit(scaled[fit], truth[fit]).predict_proba(scaled[predict])[:, 1]
    return roc_auc_score(truth, probability)


def test_forest_matches_folds_by_hand() -> None:
    real, synthetic = two_sets(0.6)
    forest = RandomForestClassifier(20, min_samples_leaf=5, random_state=7)
    expected = by_hand(forest, real, synthetic, standardise=False)
    assert c2st_forest(real, synthetic, n_trees=20, random_state=7) == pytest.approx(expected)


def test_logistic_matches_folds_by_hand() -> None:
    real, synthetic = two_sets(0.6)
    expected = by_hand(LogisticRegression(max_iter=1000), real, synthetic, standardise=True)
    assert c2st_logistic(real, synthetic, random_state=7) == pytest.approx(expected)


@pytest.mark.parametrize("function", [c2st_forest, c2st_logistic])
def test_separated_sets_give_one(function) -> None:
    assert function(*two_sets(20.0)) == 1.0


@pytest.mark.parametrize("function", [c2st_forest, c2st_logistic])
def test_sets_from_one_distribution_give_a_half(function) -> None:
    values = [function(*two_sets(0.0, n=200, seed=seed)) for seed in range(4)]
    assert np.mean(values) == pytest.approx(0.5, abs=0.05)


def test_forest_sees_what_means_do_not_show() -> None:
    rng = np.random.default_rng(3)
    narrow, wide = rng.normal(0, 1, size=(150, 3)), rng.normal(0, 3, size=(150, 3))
    assert c2st_forest(narrow, wide) > 0.8
    assert c2st_logistic(narrow, wide) < 0.65


def test_standardised_logistic_does_not_depend_on_units() -> None:
    real, synthetic = two_sets(0.5)
    units = np.array([1.0, 1000.0, 0.01])
    assert c2st_logistic(real * units, synthetic * units) == pytest.approx(c2st_logistic(real, synthetic), abs=1e-3)


def test_same_seed_same_value_on_any_number_of_threads() -> None:
    real, synthetic = two_sets(0.3)
    values = [c2st_forest(real, synthetic, random_state=5, n_jobs=n_jobs) for n_jobs in (1, 2)]
    assert values[0] == values[1]


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="real has 2 cells; this metric needs at least 3"):
        c2st(np.zeros((2, 3)), np.zeros((5, 3)), classifier=LogisticRegression())
    with pytest.raises(InputError, match="columns"):
        c2st_forest(np.zeros((5, 2)), np.zeros((5, 3)))
    with pytest.raises(InputError, match="NaN"):
        c2st_forest(np.zeros((5, 2)), np.full((5, 2), np.nan))


TYPES = np.array(["B", "NK", "T"])


def draw(n_cells: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Well separated types in three dimensions."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n_cells) % 3
    return 8 * np.eye(3)[codes] + rng.normal(size=(n_cells, 3)), TYPES[codes]


def test_agrees_with_another_classifier_on_separated_types() -> None:
    (known, known_labels), (points, truth) = draw(90, 0), draw(60, 1)
    given = truth.copy()
    given[:15] = np.random.default_rng(2).choice(TYPES, 15)
    predicted = NearestCentroid().fit(known, known_labels).predict(points)
    expected = {name: (predicted[given == name] == name).mean() for name in TYPES}
    assert label_fidelity(known, known_labels, points, given) == pytest.approx(expected)
    assert min(expected.values()) < 0.95


def test_order_scale_and_place_do_not_matter() -> None:
    (known, known_labels), (points, _) = draw(60, 3), draw(60, 4)
    given = np.random.default_rng(5).choice(TYPES, 60)
    values = label_fidelity(known, known_labels, points, given)
    rows = np.random.default_rng(6).permutation(60)
    assert label_fidelity(known[rows], known_labels[rows], points[rows], given[rows]) == values
    assert label_fidelity(5 * known + 1, known_labels, 5 * points + 1, given) == values


def test_types_that_one_side_lacks() -> None:
    (known, known_labels), (points, truth) = draw(60, 7), draw(60, 8)
    kept = truth != "NK"
    values = label_fidelity(known, known_labels, points[kept], np.where(truth[kept] == "B", "new", truth[kept]))
    assert values["T"] == 1.0
    assert np.isnan([values["B"], values["NK"]]).all()
    one = known_labels == "T"
    assert label_fidelity(known[one], known_labels[one], points, truth) == {"T": 1.0}


def test_labels_must_fit_the_cells() -> None:
    known, labels = draw(9, 0)
    with pytest.raises(InputError, match="synthetic has 9 cells and synthetic_labels 8"):
        label_fidelity(known, labels, known, labels[1:])
