from itertools import chain

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

from scgarage.errors import InputError
from scgarage.plotting import SOURCE_COLOURS, composition, confusion, type_counts


@pytest.fixture
def counts() -> pd.DataFrame:
    return pd.DataFrame(
        {"real train": [70, 25, 5, 0], "real test": [1400, 580, 20, 0], "synthetic": [150, 0, 40, 10]},
        index=["B", "NK", "pDC", "unsure"],
    )


def test_counts_of_each_type_in_each_part(real, synthetic):
    table = type_counts({"real test": real, "synthetic": synthetic}, "kind")
    assert table.to_dict() == {
        "real test": {"T cell": 60, "B cell": 36, "pDC": 4},
        "synthetic": {"T cell": 50, "B cell": 30, "pDC": 0},
    }
    assert list(table.index) == ["T cell", "B cell", "pDC"]


def test_unsure_stands_last_and_parts_without_labels_are_left_out(real, synthetic):
    real.obs["kind"] = ["unsure"] * 90 + ["pDC"] * 10
    del synthetic.obs["kind"]
    table = type_counts({"real test": real, "synthetic": synthetic}, "kind")
    assert list(table.columns) == ["real test"]
    assert list(table.index) == ["pDC", "unsure"]


def test_markers_stand_at_the_shares(counts):
    ax = composition(counts)
    drawn = {points.get_label(): points for points in ax.collections if points.get_label() in counts}
    assert list(drawn) == list(counts)
    for part, points in drawn.items():
        share = 100 * counts[part] / counts[part].sum()
        np.testing.assert_allclose(points.get_offsets()[:, 0], share[share > 0])
        np.testing.assert_allclose(np.round(points.get_offsets()[:, 1]), np.flatnonzero(share > 0))
    assert to_hex(drawn["synthetic"].get_facecolor()[0]).upper() == SOURCE_COLOURS["synthetic"]
    assert ax.get_xscale() == "log"


def test_absent_types_are_open_markers_left_of_every_share_unsure_is_not(counts):
    ax = composition(counts)
    scatters = [points for points in ax.collections if isinstance(points, PathCollection)]
    absent = [points for points in scatters if points.get_label() not in counts and len(points.get_offsets())]
    assert len(absent) == 1  # NK among the synthetic cells; real cells are never unsure
    assert to_hex(absent[0].get_facecolor()[0]) == "#ffffff"
    ((x, y),) = absent[0].get_offsets()
    assert round(y) == 1
    assert x < 1  # the smallest share is 20 of 2,000 cells, 1 %
    assert "none" in [label.get_text() for label in ax.get_xticklabels()]


def test_no_band_when_every_type_is_everywhere(counts):
    ax = composition(counts.loc[["B", "pDC"]])
    assert "none" not in [label.get_text() for label in ax.get_xticklabels()]


def test_every_count_is_written_and_rare_types_are_marked(counts):
    ax = composition(counts, rare=["pDC"])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["B", "NK", "pDC (rare)", "unsure"]
    written = [text.get_text() for text in ax.texts]
    expected = [[part, *(f"{n:,}" for n in counts[part])] for part in counts]
    assert written == list(chain.from_iterable(expected))
    assert "1,400" in written


def test_counts_stay_inside_the_figure(counts):
    figure = composition(counts).figure
    figure.draw_without_rendering()
    for text in figure.axes[0].texts:
        assert text.get_window_extent().x1 <= figure.bbox.width


def test_given_axes_are_drawn_on(counts):
    ax = composition(counts)
    assert composition(counts, ax=ax) is ax


@pytest.mark.parametrize("empty", [pd.DataFrame(), pd.DataFrame({"real test": [3], "synthetic": [0]}, index=["B"])])
def test_parts_without_cells_are_refused(empty):
    with pytest.raises(InputError, match="every part needs cells"):
        composition(empty)


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame([[9, 1], [0, 5], [0, 0]], index=["B", "T", "unsure"], columns=["B", "T"])


def test_rows_are_percent_of_a_label_and_an_empty_one_stays_empty(table):
    left, right = confusion({"real": table, "synthetic": 3 * table}).axes
    written = [(text.get_position(), text.get_text()) for text in left.texts]
    assert written == [((0, 0), "90"), ((1, 0), "10"), ((1, 1), "100")]
    assert written == [(text.get_position(), text.get_text()) for text in right.texts]


def test_other_types_are_refused(table):
    with pytest.raises(InputError, match="same labels and types"):
        confusion({"real": table, "synthetic": table.iloc[:2]})
    with pytest.raises(InputError, match="no source"):
        confusion({})
