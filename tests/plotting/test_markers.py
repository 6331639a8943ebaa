import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from scgarage.errors import InputError
from scgarage.metrics import lfc_slope
from scgarage.plotting import fold_changes, log_fold_changes, markers, shares_expressing, top_markers, type_means
from scgarage.plotting.embedding import log_expression

TYPES = ["T cell", "B cell"]


def test_slope_of_the_fold_changes_is_that_of_the_metric(real, synthetic):
    parts = [(log_expression(cells), cells.obs["kind"].to_numpy().astype(str)) for cells in (real, synthetic)]
    keep = [np.isin(labels, TYPES) for _, labels in parts]
    x, y = (log_fold_changes(values, labels, TYPES) for values, labels in parts)
    dense = [(values[rows].toarray(), labels[rows]) for (values, labels), rows in zip(parts, keep, strict=True)]
    slopes = lfc_slope(*dense[0], *dense[1])
    for row, name in enumerate(TYPES):
        assert np.polyfit(x[row], y[row], 1)[0] == pytest.approx(slopes[name], rel=1e-6)


def test_each_type_has_a_panel_with_slope_and_floor():
    real = np.random.default_rng(0).normal(size=(7, 30))
    figure = fold_changes(real, 0.5 * real, [f"type {i}" for i in range(7)], train=real)
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert len(shown) == 7
    assert shown[0].texts[0].get_text() == "slope 0.50 (1.00)"
    assert shown[6].get_title(loc="left") == "type 6"


def test_long_names_and_dollars_are_no_mathematics():
    figure = fold_changes(np.eye(2), np.eye(2), ["$x$", "a very long name of a cell type"])
    assert figure.axes[0].get_title(loc="left") == r"\$x\$"
    assert figure.axes[1].get_title(loc="left").endswith("…")


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="same types and genes"):
        fold_changes(np.eye(2), np.eye(3), ["B", "T"])
    with pytest.raises(InputError, match="found 1 type"):
        log_fold_changes(np.eye(3), ["B", "B", "B"], ["B"])


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame({"B": [1.0, 0.0, 3.0], "T$": [0.2, 0.9, 0.5]}, index=["CD79A", "CD3D", "LYZ"])


def test_size_is_the_share_and_colour_the_mean_on_one_scale(table):
    shares = table / table.to_numpy().max()
    left, right, _ = markers({"real": table, "synthetic": table / 2}, {"real": shares, "synthetic": shares}).axes
    dots = [ax.collections[0] for ax in (left, right)]
    assert dots[0].get_clim() == dots[1].get_clim() == (0, 3)
    np.testing.assert_allclose(dots[1].get_array(), dots[0].get_array() / 2)
    sizes = dots[0].get_sizes()
    np.testing.assert_allclose(sizes / sizes.max(), shares.to_numpy().ravel())
    assert [label.get_text() for label in left.get_xticklabels()] == ["B", r"T\$"]


def test_lines_part_the_genes_of_the_types(table):
    (ax, _) = markers({"real": table}, {"real": table / 3}, groups=[2, 1]).axes
    assert [line.get_ydata()[0] for line in ax.lines] == [1.5]


def test_tables_that_do_not_fit_are_refused(table):
    with pytest.raises(InputError, match="same sources, genes and types"):
        markers({"real": table}, {"real": table.iloc[:2]})
    with pytest.raises(InputError, match="no source"):
        markers({}, {})


@pytest.fixture
def cells() -> tuple[sparse.csr_matrix, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat(["B", "T", "NK"], [10, 15, 20])
    values = rng.poisson(1.0, size=(45, 12)).astype(float)
    values[labels == "B", 3] += 5
    values[labels == "NK", 7] += 5
    return sparse.csr_matrix(values), labels


def test_means_and_shares_are_those_of_the_cells_of_a_type(cells):
    values, labels = cells
    for row, name in enumerate(("NK", "B")):
        own = values.toarray()[labels == name]
        np.testing.assert_allclose(type_means(values, labels, ["NK", "B"])[row], own.mean(axis=0))
        np.testing.assert_allclose(shares_expressing(values, labels, ["NK", "B"])[row], (own > 0).mean(axis=0))


def test_markers_are_the_genes_of_largest_welch_t(cells):
    values, labels = cells
    (first, *_) = top_markers(values, labels, ["B", "T", "NK"], n_per_type=2)
    dense = values.toarray()
    t = stats.ttest_ind(dense[labels == "B"], dense[labels != "B"], equal_var=False).statistic
    assert first.tolist() == np.argsort(-t)[:2].tolist()
    assert first[0] == 3


def test_no_gene_is_the_marker_of_two_types(cells):
    values, labels = cells
    chosen = np.concatenate(top_markers(values, labels, ["B", "T", "NK"], n_per_type=3))
    assert len(set(chosen.tolist())) == len(chosen)


def test_order_of_cells_does_not_matter(cells):
    values, labels = cells
    order = np.random.default_rng(1).permutation(len(labels))
    before = top_markers(values, labels, ["B", "NK", "T"])
    after = top_markers(values[order], labels[order], ["B", "NK", "T"])
    assert [genes.tolist() for genes in before] == [genes.tolist() for genes in after]


def test_types_that_nobody_has_and_single_types_are_refused(cells):
    values, labels = cells
    with pytest.raises(InputError, match="no cell has the type 'pDC'"):
        type_means(values, labels, ["B", "pDC"])
    with pytest.raises(InputError, match="found 1 type"):
        top_markers(values, labels, ["B"])
