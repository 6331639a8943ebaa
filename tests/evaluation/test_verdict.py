import numpy as np
import pandas as pd
import pytest

from scgarage.judge.evaluation import Verdict, verdict
from scgarage.judge.evaluation.table import COLUMNS

GOOD = {
    "c2st_forest": (0.52, 0.51, 0.04),
    "c2st_forest_genes": (0.54, 0.51, 0.06),
    "sliced_wasserstein": (0.11, 0.10, 0.05),
    "coverage": (0.95, 0.97, 0.1),
    "type_proportion_tv": (0.04, 0.03, 0.01),
    "memorisation_share": (0.51, 0.49, 0.0),
}


def table(**changes: tuple[float, float, float]) -> pd.DataFrame:
    """Rows of group "all", as (value, floor, score)."""
    rows = [
        {"metric": name, "title": name, "group": "all", "value": value, "value_sd": 0.01, "floor": floor}
        | {"floor_sd": 0.01, "score": score, "n_cells": 500, "n_repeats": 5, "note": ""}
        for name, (value, floor, score) in (GOOD | changes).items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_good_numbers_give_no_more_praise_than_they_support() -> None:
    found = verdict(table())
    assert found.level == "close"
    assert found.headline == "Close to real cells: none of the checks finds more than a small difference."
    assert len(found.sentences) == 7


def test_worst_finding_decides_and_leads() -> None:
    found = verdict(table(sliced_wasserstein=(1.27, 0.1, 0.7), c2st_forest=(0.8, 0.5, 0.5)))
    assert found.level == "poor"
    assert found.headline.startswith("Poor: 12.7 times as far from held-out cells as real cells are; a random")


def test_one_concern_is_care() -> None:
    found = verdict(table(c2st_forest=(0.8, 0.5, 0.5)))
    assert found.level == "usable with care"
    assert found.headline == ("Usable with care: a random forest on principal components recognises them (AUROC 0.80).")


def test_collapse_weakens_the_claim_of_copying() -> None:
    copied = (0.9, 0.5, 0.8)
    alone, collapsed = (
        verdict(table(memorisation_share=copied, coverage=coverage)) for coverage in (GOOD["coverage"], (0.04, 0.97, 9))
    )
    assert "copying or overfitting" in str(alone)
    assert "may only say which real cells happen to lie near" in str(collapsed)


def test_what_could_not_be_judged_is_said() -> None:
    rows = table()
    unknown = rows[rows["metric"] == "coverage"].assign(group="pDC", value=np.nan, n_cells=3)
    found = verdict(pd.concat([rows, unknown], ignore_index=True), notes=["the labels were predicted"])
    assert found.sentences[-2:] == [
        "coverage: too few held-out cells to say for pDC (3).",
        "The labels were predicted.",
    ]


def test_few_cells_are_pointed_out() -> None:
    assert "Only 12 cells were compared" in str(verdict(table().assign(n_cells=12)))
    assert "Only" not in str(verdict(table()))


def test_rare_types_have_their_own_sentence() -> None:
    rows = table()
    rare = rows[rows["metric"] == "coverage"].assign(group="rare", value=0.3, floor=0.9)
    found = verdict(pd.concat([rows, rare], ignore_index=True))
    assert found.level == "usable with care"
    assert "30% of the held-out cells of rare types" in str(found)


def test_nothing_judged_is_no_praise() -> None:
    rows = table()
    complete = {"real": {"B": 10}, "synthetic": {"B": 10}}
    for counts in (None, complete):
        found = verdict(rows[rows["metric"] == "none"], type_counts=counts)
        assert found.level == "usable with care"
        assert found.headline.startswith("Not judged")


@pytest.mark.parametrize("order", ["metric", "value"])
def test_order_of_the_rows_does_not_matter(order: str) -> None:
    counts = {"real": {"B": 10, "T": 10}, "synthetic": {"B": 10, "T": 10}}
    assert verdict(table().sort_values(order), type_counts=counts) == verdict(table(), type_counts=counts)


def test_text_has_one_line_for_each_sentence() -> None:
    assert str(Verdict("Head.", ["One.", "Two."], "close")) == "Head.\n- One.\n- Two."
