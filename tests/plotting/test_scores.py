import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from scipy.stats import studentized_range

from scgarage.errors import InputError
from scgarage.plotting import de_null, score_sd, scores
from scgarage.plotting.scores import critical_difference, rank_test, sensitivity

# AUC of four variants of C4.5 on 14 data sets: Demšar 2006, table 6. The paper ranked before it rounded: the last two
# numbers of "voting" are printed as 0.975.
AUC = pd.DataFrame(
    [
        [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.9749], [0.957, 0.978, 0.946, 0.970],
    ],
    columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"],
)  # fmt: skip


def test_published_example_of_demsar():
    found = rank_test(-AUC, alpha=0.1)
    assert found.mean_ranks.round(3).to_dict() == {
        "C4.5+m+cf": 1.964, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5": 3.143,
    }  # fmt: skip
    assert found.difference == pytest.approx(1.12, abs=0.005)
    assert rank_test(-AUC).difference == pytest.approx(1.25, abs=0.005)
    assert found.groups() == [["C4.5+m+cf", "C4.5+m", "C4.5+cf"], ["C4.5+cf", "C4.5"]]
    # The paper's 9.28 leaves out the correction for ties: of all four once, of two three times.
    n_blocks, n_methods = AUC.shape
    sums = np.sum(found.mean_ranks**2) - n_methods * (n_methods + 1) ** 2 / 4
    published = 12 * n_blocks / (n_methods * (n_methods + 1)) * sums
    assert published == pytest.approx(9.28, abs=0.02)
    ties = (4**3 - 4) + 3 * (2**3 - 2)
    assert found.statistic == pytest.approx(published / (1 - ties / (n_blocks * (n_methods**3 - n_methods))))
    assert found.p_value < 0.05


@pytest.mark.parametrize(("n_methods", "published"), [(3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_quantiles_are_those_of_the_published_table(n_methods, published):
    losses = pd.DataFrame(np.random.default_rng(0).normal(size=(6, n_methods)))
    scale = np.sqrt(n_methods * (n_methods + 1) / 36)
    assert rank_test(losses).difference / scale == pytest.approx(published, abs=0.001)
    assert studentized_range.ppf(0.95, n_methods, np.inf) / np.sqrt(2) == pytest.approx(published, abs=0.001)


def test_order_of_blocks_and_methods_and_monotone_changes_do_not_matter():
    first = rank_test(-AUC)
    other = rank_test(np.exp(-7 * AUC.iloc[::-1, ::-1]))
    assert other.mean_ranks.to_dict() == pytest.approx(first.mean_ranks.to_dict())
    assert (other.statistic, other.groups()) == (pytest.approx(first.statistic), first.groups())


def test_methods_that_are_always_equal_are_one_group():
    found = rank_test(pd.DataFrame(1.0, index=range(4), columns=list("abc")))
    assert (found.p_value, found.groups()) == (1.0, [["a", "b", "c"]])
    assert "not shown to differ" in found.sentence()


def test_methods_far_apart_have_no_group():
    losses = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) + 0.1, "c": np.arange(40.0) + 0.2})
    assert rank_test(losses).groups() == []
    assert "differ (Friedman" in rank_test(losses).sentence()


def test_diagram_has_a_dot_for_each_method_and_a_bar_for_each_group(tmp_path):
    path = tmp_path / "ranks.pdf"
    ax = critical_difference(-AUC.rename(columns={"C4.5": "a$b$"}), alpha=0.1, save=path)
    dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots, [1.964, 2.0, 2.893, 3.143], atol=5e-4)
    bars = [line.get_xdata() for line in ax.lines if line.get_linewidth() == 3.5]
    np.testing.assert_allclose(bars, [[1.964 - 0.03, 2.893 + 0.03], [2.893 - 0.03, 3.143 + 0.03]], atol=5e-4)
    texts = [text.get_text() for text in ax.texts]
    assert "C4.5+m+cf  1.96" in texts
    assert r"3.14  a\$b\$" in texts
    assert path.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("change", "alpha", "message"),
    [
        (lambda table: table.iloc[:1], 0.05, "1 blocks"),
        (lambda table: table.iloc[:, :2], 0.05, "2 methods"),
        (lambda table: table.replace(0.763, np.nan), 0.05, "missing values"),
        (lambda table: table.astype(str), 0.05, "anything but numbers"),
        (lambda table: table, 1.0, "alpha is 1.0"),
    ],
)
def test_unusable_tables_are_refused(change, alpha, message):
    with pytest.raises(InputError, match=message):
        rank_test(change(AUC), alpha=alpha)


def table_de_null(n_synthetic: int, shares: list[float]) -> pd.DataFrame:
    runs = np.arange(len(shares))
    real = pd.DataFrame({"run": runs, "n_real": 10, "n_synthetic": 0, "share": 0.0})
    return pd.concat([real, pd.DataFrame({"run": runs, "n_real": 10, "n_synthetic": n_synthetic, "share": shares})])


def test_means_stand_beside_the_runs_and_real_runs_are_drawn_once():
    ax = de_null(pd.concat([table_de_null(100, [0.2, 0.4]), table_de_null(20, [0.1, 0.0])]))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["real only", "+ 20", "+ 100"]
    assert [text.get_text() for text in ax.texts] == ["0.0%", "5.0%", "30.0%"]
    assert [sorted(line.get_ydata()) for line in ax.lines] == [[0.0, 0.0], [0.0, 0.1], [0.2, 0.4]]


def test_order_of_rows_does_not_matter():
    rows = table_de_null(20, [0.1, 0.3, 0.2])
    labels = [[text.get_text() for text in de_null(part).texts] for part in (rows, rows.iloc[::-1])]
    assert labels[0] == labels[1]


@pytest.mark.parametrize(
    "wrong", [pd.DataFrame({"share": [0.1]}), table_de_null(5, [1.2]), table_de_null(5, []).iloc[:0]]
)
def test_other_tables_are_refused(wrong):
    with pytest.raises(InputError, match=r"DENullCheck\.table"):
        de_null(wrong)


NAN = float("nan")


@pytest.fixture
def table_scores() -> pd.DataFrame:
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


def test_sd_is_in_units_of_the_scale(table_scores):
    np.testing.assert_allclose(score_sd(table_scores)[:4], [0.1, 0.1, 0.2, 0.2])


def test_sd_of_a_target_is_measured_by_distances_to_it(table_scores):
    # |0.85 - 0.5| - |0.45 - 0.5| = 0.30
    np.testing.assert_allclose(score_sd(table_scores)[4], 0.02 / 0.3)


def test_sd_is_missing_without_a_scale(table_scores):
    assert np.isnan(score_sd(table_scores.assign(null=table_scores["floor"])).iloc[0])


def test_dots_stand_at_the_scores_in_the_row_of_their_metric(table_scores):
    ax = scores(table_scores)
    titles = [label.get_text() for label in ax.get_yticklabels()]
    assert titles == ["Distance", "Coverage", "AUROC", "Awful", "Copied"]
    everything, rare = (container.lines[0] for container in ax.containers)
    np.testing.assert_allclose(everything.get_xdata(), [0.4, 0.1, 0.5])
    np.testing.assert_allclose(np.round(everything.get_ydata()), [0, 1, 2])
    assert everything.get_ydata()[0] == 0  # one group alone stands on the line
    assert rare.get_xdata() == [0.7]
    assert everything.get_ydata()[1] < 1 < rare.get_ydata()[0]


def test_bars_are_one_sd_long(table_scores):
    bars = scores(table_scores).containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose([bar[:, 0] for bar in bars[:2]], [[0.3, 0.5], [0.0, 0.2]])


def test_scores_beyond_the_axis_are_arrows_with_their_number(table_scores):
    ax = scores(table_scores, limits=(-1, 2))
    arrows = {line.get_marker(): float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() in "<>"}
    assert arrows == {">": 2, "<": -1}
    assert {"12.35", "−4.00"} <= {text.get_text() for text in ax.texts}


def test_the_axis_holds_moderate_scores_and_both_ends_of_the_scale(table_scores):
    for kept, expected in (
        (["Distance"], (-0.25, 1.25)),
        (["Distance", "Awful"], (-0.25, 3)),
        (["Copied"], (-1, 1.25)),
    ):
        assert scores(table_scores[table_scores["title"].isin(kept)]).get_xlim() == expected


def test_missing_columns_and_empty_groups_are_refused(table_scores):
    with pytest.raises(InputError, match="'floor'"):
        scores(table_scores.drop(columns="floor"))
    with pytest.raises(InputError, match="no metric of the groups 'NK' has a score"):
        scores(table_scores, groups=["NK"])


@pytest.fixture
def matrix() -> pd.DataFrame:
    return pd.DataFrame(
        {"coverage": [0.1, 5.0], "recall [rare]": [np.nan, np.inf], "$x$": [-2.0, 3.0]}, index=["copies", "dropout"]
    )


def places(ax: Axes) -> list[list[float]]:
    (dots,) = ax.collections
    return sorted(np.asarray(dots.get_offsets()).tolist())


def test_fields_dots_and_names_are_those_of_the_matrix(matrix: pd.DataFrame) -> None:
    ax = sensitivity(matrix)
    drawn = ax.images[0].get_array()
    assert drawn.shape == (3, 2)
    assert np.ma.getmaskarray(drawn).tolist() == [[False, False], [True, False], [False, False]]
    assert drawn.compressed().tolist() == [0.1, 5.0, 10.0, 0.0, 3.0]
    assert places(ax) == [[1, 0], [1, 1]]
    assert [(text.get_position(), text.get_text()) for text in ax.texts] == [((0, 1), "–")]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["copies", "dropout"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["coverage", "recall [rare]", r"\$x\$"]
    ax.figure.draw_without_rendering()


def test_order_of_the_rows_only_moves_the_dots(matrix: pd.DataFrame) -> None:
    assert places(sensitivity(matrix.iloc[::-1])) == [[0, 0], [0, 1]]
    assert len(places(sensitivity(matrix, threshold=2.0))) == 3


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda matrix: matrix.iloc[:0], {}, r"matrix has shape \(0, 3\)"),
        (lambda matrix: matrix.assign(note="x"), {}, "expected numbers"),
        (lambda matrix: matrix, {"threshold": 20.0}, "threshold is 20.0 and limit 10.0"),
    ],
)
def test_unusable_matrices_are_refused(matrix, change, options, message) -> None:
    with pytest.raises(InputError, match=message):
        sensitivity(change(matrix), **options)
