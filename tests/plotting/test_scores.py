import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError
from scgarage.plotting import score_sd, scores

NAN = float("nan")


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [
        ("Distance", "all", 0.4, 0.2, 1.0, 3.0, "lower"),
        ("Coverage", "all", 0.1, 0.05, 0.9, 0.4, "higher"),
        ("Coverage", "rare", 0.7, 0.1, 0.9, 0.4, "higher"),
        ("Coverage", "pDC", 0.9, 0.1, 0.9, 0.4, "higher"),
        ("AUROC", "all", 0.5, 0.02, 0.45, 0.85, "target 0.5"),
        ("Awful", "all", 12.3456, 0.1, 0.0, 1.0, "lower"),
        ("Copied", "all", -4.0, 0.1, 0.0, 1.0, "lower"),
        ("Too few", "all", NAN, NAN, NAN, NAN, "lower"),
    ]
    return pd.DataFrame(rows, columns=["title", "group", "score", "value_sd", "floor", "null", "better"])


def test_sd_is_in_units_of_the_scale(table):
    np.testing.assert_allclose(score_sd(table)[:4], [0.1, 0.1, 0.2, 0.2])


def test_sd_of_a_target_is_measured_by_distances_to_it(table):
    # |0.85 - 0.5| - |0.45 - 0.5| = 0.30
    np.testing.assert_allclose(score_sd(table)[4], 0.02 / 0.3)


def test_sd_is_missing_without_a_scale(table):
    assert np.isnan(score_sd(table.assign(null=table["floor"])).iloc[0])


def test_dots_stand_at_the_scores_in_the_row_of_their_metric(table):
    ax = scores(table)
    titles = [label.get_text() for label in ax.get_yticklabels()]
    assert titles == ["Distance", "Coverage", "AUROC", "Awful", "Copied"]
    everything, rare = (container.lines[0] for container in ax.containers)
    np.testing.assert_allclose(everything.get_xdata(), [0.4, 0.1, 0.5])
    np.testing.assert_allclose(np.round(everything.get_ydata()), [0, 1, 2])
    assert everything.get_ydata()[0] == 0  # one group alone stands on the line
    assert rare.get_xdata() == [0.7]
    assert everything.get_ydata()[1] < 1 < rare.get_ydata()[0]


def test_bars_are_one_sd_long(table):
    bars = scores(table).containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose([bar[:, 0] for bar in bars[:2]], [[0.3, 0.5], [0.0, 0.2]])


def test_scores_beyond_the_axis_are_arrows_with_their_number(table):
    ax = scores(table, limits=(-1, 2))
    arrows = {line.get_marker(): float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() in "<>"}
    assert arrows == {">": 2, "<": -1}
    assert {"12.35", "−4.00"} <= {text.get_text() for text in ax.texts}


def test_the_axis_holds_moderate_scores_and_both_ends_of_the_scale(table):
    for kept, expected in (
        (["Distance"], (-0.25, 1.25)),
        (["Distance", "Awful"], (-0.25, 3)),
        (["Copied"], (-1, 1.25)),
    ):
        assert scores(table[table["title"].isin(kept)]).get_xlim() == expected


def test_missing_columns_and_empty_groups_are_refused(table):
    with pytest.raises(InputError, match="'floor'"):
        scores(table.drop(columns="floor"))
    with pytest.raises(InputError, match="no metric of the groups 'NK' has a score"):
        scores(table, groups=["NK"])
