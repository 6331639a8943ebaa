import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc

from scgarage.errors import InputError
from scgarage.metrics import marker_overlap

LABELS = np.repeat(["B", "NK", "T"], [30, 10, 20])


def draw(seed: int) -> np.ndarray:
    effects = np.random.default_rng(99).normal(0, 0.4, size=(3, 80))
    codes = np.unique(LABELS, return_inverse=True)[1]
    return np.random.default_rng(seed).gamma(4.0, np.exp(effects[codes]) / 4)


def markers_of_scanpy(cells: np.ndarray, n_top: int) -> dict[str, set[str]]:
    table = ad.AnnData(cells, obs=pd.DataFrame({"t": pd.Categorical(LABELS)}, index=map(str, range(60))))
    sc.tl.rank_genes_groups(table, "t", method="t-test")
    names = table.uns["rank_genes_groups"]["names"]
    return {name: set(names[name][:n_top]) for name in ("B", "NK", "T")}


def test_matches_scanpys_t_test() -> None:
    real, synthetic = draw(0), draw(1)
    first, second = (markers_of_scanpy(cells, 8) for cells in (real, synthetic))
    expected = {name: len(first[name] & second[name]) / 8 for name in first}
    assert marker_overlap(real, LABELS, synthetic, LABELS) == pytest.approx(expected)
    assert 0.2 < np.mean(list(expected.values())) < 1
    few = {name: len(a & b) / 3 for (name, a), b in zip(
        markers_of_scanpy(real, 3).items(), markers_of_scanpy(synthetic, 3).values(), strict=True
    )}  # fmt: skip
    assert marker_overlap(real, LABELS, synthetic, LABELS, n_markers=3) == pytest.approx(few)


def test_order_and_units_do_not_matter() -> None:
    real, synthetic = draw(2), draw(3)
    values = marker_overlap(real, LABELS, synthetic, LABELS)
    rows, genes = np.random.default_rng(0).permutation(60), np.random.default_rng(1).permutation(80)
    assert marker_overlap(real[:, genes], LABELS, synthetic[rows][:, genes], LABELS[rows]) == values
    assert marker_overlap(5 * real, LABELS, 2 * synthetic, LABELS) == values
    assert marker_overlap(real, LABELS, real, LABELS) == dict.fromkeys(values, 1.0)


def test_shuffled_labels_leave_chance() -> None:
    shuffled = np.random.default_rng(4).permutation(LABELS)
    assert np.mean(list(marker_overlap(draw(4), LABELS, draw(5), shuffled).values())) < 0.4


def test_types_with_one_cell_or_none_are_nan() -> None:
    kept = (LABELS != "NK") | (np.arange(60) == 30)
    values = marker_overlap(draw(6), LABELS, draw(7)[kept], LABELS[kept])
    assert np.isnan(values["NK"])
    assert not np.isnan([values["B"], values["T"]]).any()
    alone = LABELS == "T"
    assert np.isnan(list(marker_overlap(draw(6), LABELS, draw(7)[alone], LABELS[alone]).values())).all()


def test_labels_must_fit_the_cells() -> None:
    with pytest.raises(InputError, match="real has 60 cells and real_labels 59"):
        marker_overlap(draw(0), LABELS[1:], draw(1), LABELS)
