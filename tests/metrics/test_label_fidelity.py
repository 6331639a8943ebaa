import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from scgarage.errors import InputError
from scgarage.metrics import label_fidelity

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
