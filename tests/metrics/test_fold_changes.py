import numpy as np
import pytest
from scipy.stats import linregress

from scgarage.errors import InputError
from scgarage.metrics import lfc_correlation, lfc_slope

LABELS = np.repeat(["B", "NK", "T"], [30, 10, 20])


def draw(seed: int, strength: float = 1.0) -> np.ndarray:
    """Log expression of three types whose means differ as strongly as asked for."""
    effects = np.random.default_rng(99).normal(0, 1, size=(3, 25))
    codes = np.unique(LABELS, return_inverse=True)[1]
    return np.log1p(np.random.default_rng(seed).gamma(4.0, np.exp(1 + strength * effects[codes]) / 4))


def fold_changes(cells: np.ndarray, name: str) -> np.ndarray:
    mine = name == LABELS
    return np.log2((1 + np.expm1(cells[mine]).mean(axis=0)) / (1 + np.expm1(cells[~mine]).mean(axis=0)))


def test_both_match_scipys_regression_of_fold_changes_by_hand() -> None:
    real, synthetic = draw(0), draw(1, 0.5)
    slopes, correlations = (f(real, LABELS, synthetic, LABELS) for f in (lfc_slope, lfc_correlation))
    assert list(slopes) == list(correlations) == ["B", "NK", "T"]
    for name in slopes:
        expected = linregress(fold_changes(real, name), fold_changes(synthetic, name))
        assert slopes[name] == pytest.approx(expected.slope)
        assert correlations[name] == pytest.approx(expected.rvalue)
        assert 0 < slopes[name] < 0.8 < correlations[name]


@pytest.mark.parametrize("function", [lfc_slope, lfc_correlation])
def test_order_of_cells_and_genes_and_names_do_not_matter(function) -> None:
    real, synthetic = draw(2), draw(3)
    values = function(real, LABELS, synthetic, LABELS)
    rows, genes = np.random.default_rng(0).permutation(60), np.random.default_rng(1).permutation(25)
    shuffled = function(real[:, genes], LABELS, synthetic[rows][:, genes], LABELS[rows])
    assert shuffled == pytest.approx(values)
    named = {"B": "zz", "NK": "yy", "T": "xx"}
    renamed = np.array([named[name] for name in LABELS])
    assert {named[k]: v for k, v in values.items()} == pytest.approx(function(real, renamed, synthetic, renamed))
    assert function(real, LABELS, real, LABELS) == pytest.approx(dict.fromkeys(values, 1.0))


@pytest.mark.parametrize("function", [lfc_slope, lfc_correlation])
def test_a_type_that_one_side_lacks_is_nan_and_counts_nowhere(function) -> None:
    real, synthetic = draw(4), draw(5)
    kept = LABELS != "NK"
    without = function(real, LABELS, synthetic[kept], LABELS[kept])
    assert np.isnan(without["NK"])
    both = function(real[kept], LABELS[kept], synthetic[kept], LABELS[kept])
    assert {name: without[name] for name in both} == both
    alone = LABELS == "T"
    assert np.isnan(list(function(real, LABELS, synthetic[alone], LABELS[alone]).values())).all()
    flat = function(np.zeros_like(real), LABELS, synthetic, LABELS)
    assert np.isnan(list(flat.values())).all()


def test_labels_must_fit_the_cells() -> None:
    with pytest.raises(InputError, match="synthetic has 60 cells and synthetic_labels 59"):
        lfc_slope(draw(0), LABELS, draw(1), LABELS[1:])
