import numpy as np
import pandas as pd
import pytest

from scgarage.metrics import METRICS
from scgarage.report.tables import (
    HEADLINES,
    NULLS,
    Cell,
    Light,
    composition_table,
    metric_themes,
    rare_table,
    rare_types,
)

NAN = float("nan")
COLUMNS = [
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
def table() -> pd.DataFrame:
    rows = [
        ("memorisation_share", "Copies", "all", 0.61, 0.02, 0.5, 0.01, 1.0, 0.0, 0.22, "target 0.5", ""),
        ("coverage", "Coverage (k = 5)", "all", 0.7, 0.03, 0.9, NAN, 0.4, 0.1, 0.4, "higher", "a note"),
        ("coverage", "Coverage (k = 5)", "rare", 0.6, NAN, 0.9, NAN, 0.95, NAN, NAN, "higher", "no score"),
        (
            "coverage",
            "Coverage (k = 5)",
            "pDC",
            NAN,
            NAN,
            NAN,
            NAN,
            NAN,
            NAN,
            NAN,
            "higher",
            "too few cells to say",
        ),
        ("types_present", "Types", "pDC", 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, "higher", ""),
        ("of another version", "New", "all", 123.4, 1.0, 100.0, 1.0, 12000.0, 9.0, 17.3, "lower", NAN),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_rows_are_grouped_by_what_the_metric_sees(table):
    themes = metric_themes(table)
    assert [theme.title for theme in themes] == [
        "Cells as a whole",
        "Copying of training cells",
        "Other metrics",
    ]
    assert [(row.title.replace("\N{NO-BREAK SPACE}", " "), row.group) for row in themes[0].rows] == [
        ("Coverage (k = 5)", "all"),
        ("Coverage (k = 5)", "rare"),
    ]


def test_numbers_of_a_row_have_the_same_decimals(table):
    (row,) = metric_themes(table)[1].rows
    assert (row.value, row.floor, row.null) == ("0.61 ± 0.02", "0.50 ± 0.01", "1.00 ± 0.00")
    assert (row.score, row.place, row.direction) == ("0.22", 0.22, "→ 0.5")


def test_score_beyond_the_scale_stands_at_its_end(table):
    (row,) = metric_themes(table)[2].rows
    assert (row.score, row.place, row.note) == ("17", 1.0, "")
    assert row.null == "12,000 ± 9"


def test_row_without_score_keeps_value_and_note(table):
    row = metric_themes(table)[0].rows[1]
    assert (row.value, row.score, row.place, row.note, row.has_value) == (
        "0.600",
        "–",
        None,
        "no score",
        True,
    )


def test_row_without_value_is_marked(table):
    (theme,) = metric_themes(table[table["group"] == "pDC"].assign(group="all"))[:1]
    assert not theme.rows[0].has_value


def test_rare_table_has_cells_then_metrics(table):
    counts = pd.DataFrame({"real test": [1200, 7], "synthetic": [900, 0]}, index=["B", "pDC"])
    rare = rare_table(table, counts)
    assert rare is not None
    assert rare.parts == ["real test cells", "synthetic cells"]
    assert rare.metrics == ["Coverage"]
    assert rare.rows == [("pDC", ["7", "0"], [Cell("too few cells")])]
    assert rare.rest_metrics == ["Types"]
    assert rare.rest == [("pDC", [Cell("1.00 ± 0.00", ("floor 1.00", "null 0.00"))])]


def test_distances_within_a_type_are_multiples_of_their_floor(table):
    row = ("type_sliced_wasserstein", "D", "pDC", 3.0, 0.3, 1.5, 0.1, 6.0, 0.1, 0.33, "lower", "")
    rare = rare_table(pd.DataFrame([row], columns=COLUMNS), pd.DataFrame({"real test": [3]}, index=["pDC"]))
    assert rare is not None
    assert rare.rows[0][2] == [Cell("2.00 ± 0.20", ("floor 1.00", "null 4.00"))]


def test_lights_stand_beside_their_numbers_only(table):
    green = Light("green", "close")
    themes = metric_themes(table, {("coverage", "all"): green})
    assert [row.light for theme in themes for row in theme.rows] == [green, None, None, None]


def test_every_null_of_the_registry_has_words():
    assert {metric.null for metric in METRICS.values()} == set(NULLS)
    assert set(HEADLINES) <= set(METRICS)


def test_rare_type_without_any_cell_in_the_counts(table):
    rare = rare_table(table, pd.DataFrame({"real test": [3]}, index=["B"]))
    assert rare is not None
    assert rare.rows[0][1] == ["0"]


def test_no_rare_types_no_table(table):
    whole = table[table["group"].isin(["all", "rare"])]
    assert rare_types(whole) == []
    assert rare_table(whole, pd.DataFrame(index=np.array([], dtype=str))) is None


def test_composition_table_writes_every_number():
    counts = pd.DataFrame({"real test": [1200, 7], "synthetic": [900, 0]}, index=["B", "pDC"])
    table = composition_table(counts)
    assert table.parts == ["real test", "synthetic"]
    assert table.rows == [("B", ["1,200", "900"]), ("pDC", ["7", "0"])]
    assert composition_table(pd.DataFrame()).rows == []
