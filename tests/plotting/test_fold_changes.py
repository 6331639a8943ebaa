import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.metrics import lfc_slope
from scgarage.plotting import fold_changes, log_fold_changes
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
