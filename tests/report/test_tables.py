import numpy as np
import pandas as pd
import pytest

from scgarage.metrics import METRICS
from scgarage.report.subject import Subject
from scgarage.report.tables import (
    HEADLINES,
    NULLS,
    Cell,
    Light,
    decimals_for,
    duration,
    metric_themes,
    number,
    rare_table,
    rare_types,
    type_table,
    with_sd,
)

NAN = float("nan")
METRIC_TABLE_COLUMNS = [
    "metric",
    "title",
    "group",
    "value",
    "value_sd",
    "floor",
    "floor_sd",
    "null",
    "null_sd",
    "score",
    "better",
    "note",
]


@pytest.fixture
def table_metric_table() -> pd.DataFrame:
    rows = [
        ("memorisation_share", "Copies", "all", 0.61, 0.02, 0.5, 0.01, 1.0, 0.0, 0.22, "target 0.5", ""),
        ("coverage", "Coverage (k = 5)", "all", 0.7, 0.03, 0.9, NAN, 0.4, 0.1, 0.4, "higher", "a note"),
        ("coverage", "Coverage (k = 5)", "rare", 0.6, NAN, 0.9, NAN, 0.95, NAN, NAN, "higher", "no score"),
        ("coverage", "Coverage (k = 5)", "pDC", NAN, NAN, NAN, NAN, NAN, NAN, NAN, "higher", "too few cells to say"),
        ("types_present", "Types", "pDC", 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, "higher", ""),
        ("of another version", "New", "all", 123.4, 1.0, 100.0, 1.0, 12000.0, 9.0, 17.3, "lower", NAN),
    ]
    return pd.DataFrame(rows, columns=METRIC_TABLE_COLUMNS)


def test_rows_are_grouped_by_what_the_metric_sees(table_metric_table):
    themes = metric_themes(table_metric_table)
    assert [theme.title for theme in themes] == ["Cells as a whole", "Copying of training cells", "Other metrics"]
    assert [(row.title.replace("\N{NO-BREAK SPACE}", " "), row.group) for row in themes[0].rows] == [
        ("Coverage (k = 5)", "all"),
        ("Coverage (k = 5)", "rare"),
    ]


def test_numbers_of_a_row_have_the_same_decimals(table_metric_table):
    (row,) = metric_themes(table_metric_table)[1].rows
    assert (row.value, row.floor, row.null) == ("0.61 ± 0.02", "0.50 ± 0.01", "1.00 ± 0.00")
    assert (row.score, row.place, row.direction) == ("0.22", 0.22, "→ 0.5")


def test_score_beyond_the_scale_stands_at_its_end(table_metric_table):
    (row,) = metric_themes(table_metric_table)[2].rows
    assert (row.score, row.place, row.note) == ("17", 1.0, "")
    assert row.null == "12,000 ± 9"


def test_row_without_score_keeps_value_and_note(table_metric_table):
    row = metric_themes(table_metric_table)[0].rows[1]
    assert (row.value, row.score, row.place, row.note, row.has_value) == ("0.600", "–", None, "no score", True)


def test_row_without_value_is_marked(table_metric_table):
    (theme,) = metric_themes(table_metric_table[table_metric_table["group"] == "pDC"].assign(group="all"))[:1]
    assert not theme.rows[0].has_value


def test_rare_table_has_cells_then_metrics(table_metric_table):
    counts = pd.DataFrame({"real test": [1200, 7], "synthetic": [900, 0]}, index=["B", "pDC"])
    rare = rare_table(table_metric_table, counts)
    assert rare is not None
    assert rare.parts == ["real test cells", "synthetic cells"]
    assert rare.metrics == ["Coverage"]
    assert rare.rows == [("pDC", ["7", "0"], [Cell("too few cells")])]
    assert rare.rest_metrics == ["Types"]
    assert rare.rest == [("pDC", [Cell("1.00 ± 0.00", ("floor 1.00", "null 0.00"))])]


def test_distances_within_a_type_are_multiples_of_their_floor(table_metric_table):
    row = ("type_sliced_wasserstein", "D", "pDC", 3.0, 0.3, 1.5, 0.1, 6.0, 0.1, 0.33, "lower", "")
    rare = rare_table(
        pd.DataFrame([row], columns=METRIC_TABLE_COLUMNS), pd.DataFrame({"real test": [3]}, index=["pDC"])
    )
    assert rare is not None
    assert rare.rows[0][2] == [Cell("2.00 ± 0.20", ("floor 1.00", "null 4.00"))]


def test_lights_stand_beside_their_numbers_only(table_metric_table):
    green = Light("green", "close")
    themes = metric_themes(table_metric_table, {("coverage", "all"): green})
    assert [row.light for theme in themes for row in theme.rows] == [green, None, None, None]


def test_every_null_of_the_registry_has_words():
    assert {metric.null for metric in METRICS.values()} == set(NULLS)
    assert set(HEADLINES) <= set(METRICS)


def test_rare_type_without_any_cell_in_the_counts(table_metric_table):
    rare = rare_table(table_metric_table, pd.DataFrame({"real test": [3]}, index=["B"]))
    assert rare is not None
    assert rare.rows[0][1] == ["0"]


def test_no_rare_types_no_table(table_metric_table):
    whole = table_metric_table[table_metric_table["group"].isin(["all", "rare"])]
    assert rare_types(whole) == []
    assert rare_table(whole, pd.DataFrame(index=np.array([], dtype=str))) is None


def test_table_of_types_has_a_dash_where_nothing_is_known(evaluation):
    subject = Subject.of(evaluation)
    table = type_table(subject.counts, subject.by_type, rare=["<b>&T"])
    assert table.metrics == list(HEADLINES.values())
    names = {name: (is_rare, cells) for name, is_rare, _, cells in table.rows}
    assert names["<b>&T"][0]
    assert not names["T cell"][0]
    assert all(cell.text != "–" for cell in names["T cell"][1])
    assert any(cell.text == "–" for cell in names["<b>&T"][1])
    bare = type_table(subject.counts, subject.by_type.iloc[:0])
    assert bare.metrics == []
    assert [numbers for _, _, numbers, _ in bare.rows] == [numbers for _, _, numbers, _ in table.rows]


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ([0.5, 0.01], 3),
        ([1.5], 2),
        ([12.3], 1),
        ([153.2, 2], 0),
        ([98_765], 0),
        ([0.00123], 5),
        ([1e-12], 5),
        ([-2.0], 2),
    ],
)
def test_decimals_give_the_largest_three_digits(values, decimals):
    assert decimals_for(values) == decimals
    assert decimals_for([*values, NAN, 0, np.inf]) == decimals


def test_decimals_without_any_number():
    assert decimals_for([NAN, NAN]) == 2
    assert decimals_for([]) == 2


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.51234, 3, "0.512"),
        (-1.5, 1, "−1.5"),
        (1234567.8, 0, "1,234,568"),
        (-0.0001, 2, "0.00"),
        (NAN, 2, "–"),
        (None, 2, "–"),
    ],
)
def test_numbers_in_print(value, decimals, text):
    assert number(value, decimals) == text


def test_missing_sd_is_left_out():
    assert with_sd(0.5, 0.012, 3) == "0.500 ± 0.012"
    assert with_sd(0.5, NAN, 3) == "0.500"
    assert with_sd(NAN, 0.1, 3) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.6, "1 min 0 s"), (61, "1 min 1 s"), (3600, "1 h 0 min")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text
