import numpy as np
import pandas as pd
import pytest

from scgarage.judge.evaluation import Verdict, verdict
from scgarage.judge.evaluation.table import COLUMNS
from scgarage.judge.evaluation.verdict import (
    CLOSE,
    MISSING,
    POOR,
    WITH_CARE,
    beside_noise,
    copying,
    covered,
    distance,
    find,
    missing,
    named,
    proportions,
    scarcely_covered,
    told_apart,
)


def row_findings(
    value: float, floor: float, *, sd: float = 0.01, score: float = 0.5, n_cells: int = 500
) -> dict[str, float]:
    return {"value": value, "value_sd": sd, "floor": floor, "floor_sd": sd, "score": score, "n_cells": n_cells}


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        # The table of measured generators: floor, copula, undertrained, collapsed.
        (told_apart(row_findings(0.53, 0.53)), CLOSE),
        (told_apart(row_findings(0.61, 0.53)), CLOSE),
        (told_apart(row_findings(0.84, 0.53)), WITH_CARE),
        (told_apart(row_findings(1.00, 0.53)), POOR),
        (told_apart(row_findings(0.70, 0.53), on_genes=True), CLOSE),
        (told_apart(row_findings(1.00, 0.53), on_genes=True), WITH_CARE),
        (distance(row_findings(1.24, 1.0)), CLOSE),
        (distance(row_findings(2.4, 1.0)), WITH_CARE),
        (distance(row_findings(12.7, 1.0)), POOR),
        (covered(row_findings(0.87, 0.98)), CLOSE),
        (covered(row_findings(0.60, 0.98)), WITH_CARE),
        (covered(row_findings(0.04, 0.98)), POOR),
        (covered(row_findings(0.04, 0.98), rare=True), WITH_CARE),
        (copying(row_findings(0.55, 0.50, sd=0.02), collapsed=False), CLOSE),
        (copying(row_findings(0.70, 0.50, score=0.4), collapsed=False), WITH_CARE),
        (copying(row_findings(0.97, 0.50, score=0.95), collapsed=False), POOR),
        (copying(row_findings(0.97, 0.50, score=0.95), collapsed=True), WITH_CARE),
        (copying(row_findings(0.45, 0.50, score=0.1), collapsed=False), CLOSE),
        (copying(row_findings(0.20, 0.50, score=0.6), collapsed=False), POOR),
        (beside_noise([0.1, 0.3]), CLOSE),
        (beside_noise([0.95, 0.97, 0.85]), POOR),
    ],
)
def test_levels_of_measured_generators(finding, level: int) -> None:
    assert finding.level == level
    assert finding.sentence.endswith(".")
    assert level == CLOSE or finding.reason


@pytest.mark.parametrize("judge", [told_apart, distance, covered])
def test_difference_within_the_noise_is_none(judge) -> None:
    far = {told_apart: (0.95, 0.5), distance: (4.0, 1.0), covered: (0.3, 0.9)}[judge]
    assert judge(row_findings(*far)).level == POOR
    assert judge(row_findings(*far, sd=3.0)).level == CLOSE


def test_a_floor_far_from_the_target_counts_for_the_cells() -> None:
    # Another donor: real training cells are told apart too.
    assert told_apart(row_findings(0.85, 0.82)).level == CLOSE
    assert copying(row_findings(0.62, 0.60), collapsed=False).level == CLOSE
    assert copying(row_findings(0.38, 0.40), collapsed=False).level == CLOSE


def test_copying_is_not_claimed_from_few_cells() -> None:
    assert copying(row_findings(0.65, 0.5, score=0.3, n_cells=2000), collapsed=False).level == WITH_CARE
    assert copying(row_findings(0.65, 0.5, score=0.3, n_cells=20), collapsed=False).level == CLOSE


def test_one_repeat_has_no_deviation_and_still_a_level() -> None:
    assert distance(row_findings(4.0, 1.0, sd=np.nan)).level == POOR
    assert copying(row_findings(0.97, 0.5, sd=np.nan, score=0.9), collapsed=False).level == POOR


def test_sentences_hold_value_and_floor() -> None:
    assert "0.84, and real training cells with 0.53" in told_apart(row_findings(0.84, 0.53)).sentence
    assert "2.4 times the floor" in distance(row_findings(2.4, 1.0)).sentence
    assert covered(row_findings(0.6, 0.98)).sentence.startswith("60% of the held-out cells")
    assert "98% have a real training cell" in covered(row_findings(0.6, 0.98)).sentence
    assert "of fresh real cells 47%" in copying(row_findings(0.5, 0.47), collapsed=False).sentence


def test_a_floor_of_theory_is_not_called_measured() -> None:
    finding = copying(row_findings(0.5, 0.5) | {"note": "floor 0.5 by theory: too few"}, collapsed=False)
    assert "fresh" not in finding.sentence
    assert finding.sentence.endswith("(50% without copying): no clear sign of copying.")


def test_more_than_half_near_training_cells_is_not_passed_over_in_silence() -> None:
    beyond = copying(row_findings(0.60, 0.58, sd=0.02), collapsed=False)
    assert beyond.level == CLOSE
    assert "run the audit" in beyond.sentence
    assert "no clear sign" in copying(row_findings(0.53, 0.50, sd=0.02), collapsed=False).sentence


REAL = {"B": 900, "T": 600, "pDC": 60, "Mk": 40}


def counts(**synthetic: int) -> dict[str, dict[str, int]]:
    return {"real": REAL, "synthetic": synthetic}


def row_type_findings(value: float, floor: float = 0.03, sd: float = 0.01) -> dict[str, float]:
    return {"value": value, "value_sd": sd, "floor": floor, "floor_sd": sd}


def test_nothing_missing() -> None:
    finding = missing(counts(B=90, T=60, pDC=6, Mk=4))
    assert finding.level == CLOSE
    assert finding.sentence == "Every real type has synthetic cells."


def test_missing_common_type_is_worse_than_missing_rare_type() -> None:
    rare, common = missing(counts(B=900, T=600, pDC=60)), missing(counts(B=900, pDC=60, Mk=40))
    assert (rare.level, common.level) == (WITH_CARE, POOR)
    assert rare.reason == "no cells of Mk"
    assert common.reason == "no cells of T"


def test_types_missing_by_chance_are_said_to_be() -> None:
    finding = missing(counts(B=60, T=40))
    assert finding.level == WITH_CARE
    assert "No synthetic cell of pDC." in finding.sentence
    assert "No synthetic cell of Mk, of which fewer than 3 were to be expected" in finding.sentence
    assert missing(counts(B=30, T=20)).level == CLOSE


def test_shifted_types_are_named_on_their_side() -> None:
    finding = proportions(row_type_findings(0.35), counts(B=300, T=1200, pDC=60, Mk=40))
    assert finding.level == WITH_CARE
    assert "Over-represented: T (75.0%, not 37.5%)." in finding.sentence
    assert "Under-represented: B (18.8%, not 56.2%)." in finding.sentence
    assert "pDC" not in finding.sentence
    assert "asked for on purpose" in finding.sentence


def test_a_rare_type_can_be_over_represented_in_good_proportions() -> None:
    finding = proportions(row_type_findings(0.06), counts(B=850, T=550, pDC=160, Mk=40))
    assert finding.level == CLOSE
    assert "Over-represented: pDC (10.0%, not 3.8%)." in finding.sentence


def test_scarcely_covered_rare_types_are_named() -> None:
    rows = {
        "pDC": row_type_findings(0.2, 0.95),
        "Mk": row_type_findings(0.9, 0.95),
        "DC": row_type_findings(0.1, 0.9, sd=0.5),
    }
    (finding,) = scarcely_covered(rows)
    assert finding.level == WITH_CARE
    assert finding.sentence == "Scarcely covered: pDC (20%, real cells 95%)."
    assert scarcely_covered({"Mk": rows["Mk"]}) == []


def test_few_cells_shift_nothing() -> None:
    assert "represented" not in proportions(row_type_findings(0.05), counts(B=8, T=6, pDC=2)).sentence


def test_unsure_cells_are_an_over_represented_type() -> None:
    assert "Over-represented: unsure" in proportions(row_type_findings(0.2), counts(B=700, T=500, unsure=300)).sentence


def test_difference_within_the_noise_is_none_and_types_may_be_unknown() -> None:
    assert proportions(row_type_findings(0.35), None).level == WITH_CARE
    assert proportions(row_type_findings(0.35, sd=0.5), None).level == CLOSE
    assert proportions(row_type_findings(0.35, sd=np.nan), None).level == WITH_CARE


@pytest.mark.parametrize(("n", "expected"), [(1, "a"), (5, "a, b, c, d, e"), (7, "a, b, c, d, e and 2 more")])
def test_long_lists_are_cut(n: int, expected: str) -> None:
    assert named(list("abcdefg")[:n]) == expected


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
    explained = "too few cells to say (held-out, training and synthetic cells: at least 15 of a type each)"
    told_in_the_table = unknown.assign(metric="type_spread", title="Spread within types", note=explained)
    shown = pd.concat([rows, unknown, told_in_the_table], ignore_index=True)
    found = verdict(shown, notes=["the labels were predicted"])
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


TABLE_COLUMNS = [
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
]
B_AND_T = {"real": {"B": 900, "T": 100}, "synthetic": {"B": 100}}


@pytest.fixture
def judged_table() -> pd.DataFrame:
    rows = [
        ("c2st_forest", "Forest", "all", 0.97, 0.01, 0.5, 0.01, 0.99, 0.01, 0.95, "target 0.5"),
        ("sliced_wasserstein", "Distance", "all", 2.0, 0.01, 1.0, 0.01, 5.0, 0.1, 0.25, "lower"),
        ("coverage", "Coverage", "all", 0.9, 0.01, 0.9, 0.01, 0.1, 0.1, 0.0, "higher"),
        ("coverage", "Coverage", "T", 0.7, 0.01, 0.9, 0.01, 0.1, 0.1, 0.2, "higher"),
        ("coverage", "Coverage", "NK", 0.2, 0.01, 0.9, 0.01, 0.1, 0.1, 0.9, "higher"),
        ("wasserstein_1", "W1", "all", 9.0, 0.01, 1.0, 0.01, 5.0, 0.1, 2.0, "lower"),
    ]
    return pd.DataFrame(rows, columns=TABLE_COLUMNS).assign(n_cells=100, n_repeats=5, note="")


def test_findings_are_by_metric_and_group(judged_table: pd.DataFrame) -> None:
    found = {key: finding.level for key, finding in find(judged_table, None).items()}
    assert found == {
        ("c2st_forest", "all"): POOR,
        ("sliced_wasserstein", "all"): WITH_CARE,
        ("coverage", "all"): CLOSE,
        ("coverage", "T"): CLOSE,
        ("coverage", "NK"): WITH_CARE,
    }


def test_a_metric_without_a_limit_has_no_finding(judged_table: pd.DataFrame) -> None:
    assert ("wasserstein_1", "all") not in find(judged_table, None)


def test_sentences_of_the_verdict_are_those_of_the_findings(judged_table: pd.DataFrame) -> None:
    said = verdict(judged_table, type_counts=B_AND_T).sentences
    found = {finding.sentence: finding.level for finding in find(judged_table, B_AND_T).values()}
    # Forest, distance, coverage; between real cells and noise: none; scarcely covered: none; missing types.
    assert [found.get(sentence) for sentence in said[:3]] == [POOR, WITH_CARE, CLOSE]
    (lost,) = [sentence for sentence in said if sentence.startswith("No synthetic cell of T")]
    assert found[lost] == find(judged_table, B_AND_T)[MISSING].level == POOR


def test_order_of_the_rows_does_not_matter_to_findings(judged_table: pd.DataFrame) -> None:
    assert find(judged_table.iloc[::-1], None) == find(judged_table, None)
    assert verdict(judged_table.iloc[::-1]).level == verdict(judged_table).level
