import numpy as np
import pytest
from scipy import sparse

from scgarage.judge.evaluation.cells import Cells
from scgarage.judge.evaluation.comparison import fit_space, halve, predict_labels
from scgarage.metrics import memorisation_share


@pytest.mark.parametrize("sizes", [(40, 11, 3, 1), (7, 7, 7), (1, 1)])
def test_halves_are_disjoint_complete_and_stratified(sizes: tuple[int, ...]) -> None:
    labels = np.repeat([f"type_{i}" for i in range(len(sizes))], sizes)
    first, second = halve(labels, np.random.default_rng(0))
    assert sorted([*first, *second]) == list(range(len(labels)))
    for name in np.unique(labels):
        assert abs((labels[first] == name).sum() - (labels[second] == name).sum()) <= 1
    assert abs(len(first) - len(second)) <= 1


def test_halves_differ_between_repeats_and_not_between_runs() -> None:
    labels = np.repeat(["B", "T"], 30)
    draws = [halve(labels, np.random.default_rng(seed))[0].tolist() for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def gaussian_cells(n_cells: int, seed: int) -> Cells:
    """Nearly round cloud in many dimensions: what components fitted on few cells overfit."""
    values = np.random.default_rng(seed).normal(3, 1, size=(n_cells, 400))
    return Cells(sparse.csr_matrix(values), np.repeat("B", n_cells))


def test_components_of_the_reference_favour_nobody_and_those_of_train_favour_the_holdout() -> None:
    train, holdout, reference, fresh = (gaussian_cells(200, seed) for seed in range(4))
    rng = np.random.default_rng(0)
    shares = {}
    for name, source in (("reference", reference), ("train", train)):
        space = fit_space(source, 50, rng)
        points = [space.transform(cells.log_expr) for cells in (fresh, train, holdout)]
        shares[name] = memorisation_share(*points)
    assert shares["reference"] == pytest.approx(0.5, abs=0.12)
    assert shares["train"] < 0.15


def test_few_reference_cells_give_few_components() -> None:
    space = fit_space(gaussian_cells(12, 0), 50, np.random.default_rng(0))
    assert space.transform(gaussian_cells(5, 1).log_expr).shape == (5, 11)


def test_predicted_labels_are_those_of_the_nearest_cloud() -> None:
    rng = np.random.default_rng(0)
    centres, codes = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]), np.repeat([0, 1, 2], [90, 30, 4])
    types = np.array(["B", "T", "pDC"])
    new = rng.integers(3, size=60)
    predicted = predict_labels(
        centres[codes] + rng.normal(size=(124, 2)), types[codes], centres[new] + rng.normal(size=(60, 2))
    )
    assert (predicted == types[new]).all()


def test_one_known_type_labels_everything() -> None:
    assert predict_labels(np.zeros((3, 2)), np.repeat("B", 3), np.ones((2, 2))).tolist() == ["B", "B"]
