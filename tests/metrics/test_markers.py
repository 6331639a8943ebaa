import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from scipy.stats import linregress

from scgarage.errors import InputError
from scgarage.metrics import lfc_correlation, lfc_slope, marker_overlap

LABELS = np.repeat(["B", "NK", "T"], [30, 10, 20])


def draw_fold_changes(seed: int, strength: float = 1.0) -> np.ndarray:
    """Log expression of three types whose means differ as strongly as asked for."""
    effects = np.random.default_rng(99).normal(0, 1, size=(3, 25))
    codes = np.unique(LABELS, return_inverse=True)[1]
    return np.log1p(np.random.default_rng(seed).gamma(4.0, np.exp(1 + strength * effects[codes]) / 4))


def fold_changes(cells: np.ndarray, name: str) -> np.ndarray:
    mine = name == LABELS
    return np.log2((1 + np.expm1(cells[mine]).mean(axis=0)) / (1 + np.expm1(cells[~mine]).mean(axis=0)))


def test_both_match_scipys_regression_of_fold_changes_by_hand() -> None:
    real, synthetic = draw_fold_changes(0), draw_fold_changes(1, 0.5)
    slopes, correlations = (f(real, LABELS, synthetic, LABELS) for f in (lfc_slope, lfc_correlation))
    assert list(slopes) == list(correlations) == ["B", "NK", "T"]
    for name in slopes:
        expected = linregress(fold_changes(real, name), fold_changes(synthetic, name))
        assert slopes[name] == pytest.approx(expected.slope)
        assert correlations[name] == pytest.approx(expected.rvalue)
        assert 0 < slopes[name] < 0.8 < correlations[name]


@pytest.mark.parametrize("function", [lfc_slope, lfc_correlation])
def test_order_of_cells_and_genes_and_names_do_not_matter(function) -> None:
    real, synthetic = draw_fold_changes(2), draw_fold_changes(3)
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
    real, synthetic = draw_fold_changes(4), draw_fold_changes(5)
    kept = LABELS != "NK"
    without = function(real, LABELS, synthetic[kept], LABELS[kept])
    assert np.isnan(without["NK"])
    both = function(real[kept], LABELS[kept], synthetic[kept], LABELS[kept])
    assert {name: without[name] for name in both} == both
    alone = LABELS == "T"
    assert np.isnan(list(function(real, LABELS, synthetic[alone], LABELS[alone]).values())).all()
    flat = function(np.zeros_like(real), LABELS, synthetic, LABELS)
    assert np.isnan(list(flat.values())).all()


def test_fold_changes_labels_must_fit_the_cells() -> None:
    with pytest.raises(InputError, match="synthetic has 60 cells and synthetic_labels 59"):
        lfc_slope(draw_fold_changes(0), LABELS, draw_fold_changes(1), LABELS[1:])


def draw_markers(seed: int) -> np.ndarray:
    effects = np.random.default_rng(99).normal(0, 0.4, size=(3, 80))
    codes = np.unique(LABELS, return_inverse=True)[1]
    return np.random.default_rng(seed).gamma(4.0, np.exp(effects[codes]) / 4)


def markers_of_scanpy(cells: np.ndarray, n_top: int) -> dict[str, set[str]]:
    table = ad.AnnData(cells, obs=pd.DataFrame({"t": pd.Categorical(LABELS)}, index=map(str, range(60))))
    sc.tl.rank_genes_groups(table, "t", method="t-test")
    names = table.uns["rank_genes_groups"]["names"]
    return {name: set(names[name][:n_top]) for name in ("B", "NK", "T")}


def test_matches_scanpys_t_test() -> None:
    real, synthetic = draw_markers(0), draw_markers(1)
    first, second = (markers_of_scanpy(cells, 8) for cells in (real, synthetic))
    expected = {name: len(first[name] & second[name]) / 8 for name in first}
    assert marker_overlap(real, LABELS, synthetic, LABELS) == pytest.approx(expected)
    assert 0.2 < np.mean(list(expected.values())) < 1
    few = {name: len(a & b) / 3 for (name, a), b in zip(
        markers_of_scanpy(real, 3).items(), markers_of_scanpy(synthetic, 3).values(), strict=True
    )}  # fmt: skip
    assert marker_overlap(real, LABELS, synthetic, LABELS, n_markers=3) == pytest.approx(few)


def test_order_and_units_do_not_matter() -> None:
    real, synthetic = draw_markers(2), draw_markers(3)
    values = marker_overlap(real, LABELS, synthetic, LABELS)
    rows, genes = np.random.default_rng(0).permutation(60), np.random.default_rng(1).permutation(80)
    assert marker_overlap(real[:, genes], LABELS, synthetic[rows][:, genes], LABELS[rows]) == values
    assert marker_overlap(5 * real, LABELS, 2 * synthetic, LABELS) == values
    assert marker_overlap(real, LABELS, real, LABELS) == dict.fromkeys(values, 1.0)


def test_shuffled_labels_leave_chance() -> None:
    shuffled = np.random.default_rng(4).permutation(LABELS)
    assert np.mean(list(marker_overlap(draw_markers(4), LABELS, draw_markers(5), shuffled).values())) < 0.4


def test_types_with_one_cell_or_none_are_nan() -> None:
    kept = (LABELS != "NK") | (np.arange(60) == 30)
    values = marker_overlap(draw_markers(6), LABELS, draw_markers(7)[kept], LABELS[kept])
    assert np.isnan(values["NK"])
    assert not np.isnan([values["B"], values["T"]]).any()
    alone = LABELS == "T"
    assert np.isnan(list(marker_overlap(draw_markers(6), LABELS, draw_markers(7)[alone], LABELS[alone]).values())).all()


def test_markers_labels_must_fit_the_cells() -> None:
    with pytest.raises(InputError, match="real has 60 cells and real_labels 59"):
        marker_overlap(draw_markers(0), LABELS[1:], draw_markers(1), LABELS)
