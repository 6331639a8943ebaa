import numpy as np
import pytest

from scgarage.judge.evaluation.verdict import CLOSE, POOR, WITH_CARE, missing, named, proportions, scarcely_covered

REAL = {"B": 900, "T": 600, "pDC": 60, "Mk": 40}


def counts(**synthetic: int) -> dict[str, dict[str, int]]:
    return {"real": REAL, "synthetic": synthetic}


def row(value: float, floor: float = 0.03, sd: float = 0.01) -> dict[str, float]:
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
    finding = proportions(row(0.35), counts(B=300, T=1200, pDC=60, Mk=40))
    assert finding.level == WITH_CARE
    assert "Over-represented: T (75.0%, not 37.5%)." in finding.sentence
    assert "Under-represented: B (18.8%, not 56.2%)." in finding.sentence
    assert "pDC" not in finding.sentence
    assert "asked for on purpose" in finding.sentence


def test_a_rare_type_can_be_over_represented_in_good_proportions() -> None:
    finding = proportions(row(0.06), counts(B=850, T=550, pDC=160, Mk=40))
    assert finding.level == CLOSE
    assert "Over-represented: pDC (10.0%, not 3.8%)." in finding.sentence


def test_scarcely_covered_rare_types_are_named() -> None:
    rows = {"pDC": row(0.2, 0.95), "Mk": row(0.9, 0.95), "DC": row(0.1, 0.9, sd=0.5)}
    (finding,) = scarcely_covered(rows)
    assert finding.level == WITH_CARE
    assert finding.sentence == "Scarcely covered: pDC (20%, real cells 95%)."
    assert scarcely_covered({"Mk": rows["Mk"]}) == []


def test_few_cells_shift_nothing() -> None:
    assert "represented" not in proportions(row(0.05), counts(B=8, T=6, pDC=2)).sentence


def test_unsure_cells_are_an_over_represented_type() -> None:
    assert "Over-represented: unsure" in proportions(row(0.2), counts(B=700, T=500, unsure=300)).sentence


def test_difference_within_the_noise_is_none_and_types_may_be_unknown() -> None:
    assert proportions(row(0.35), None).level == WITH_CARE
    assert proportions(row(0.35, sd=0.5), None).level == CLOSE
    assert proportions(row(0.35, sd=np.nan), None).level == WITH_CARE


@pytest.mark.parametrize(("n", "expected"), [(1, "a"), (5, "a, b, c, d, e"), (7, "a, b, c, d, e and 2 more")])
def test_long_lists_are_cut(n: int, expected: str) -> None:
    assert named(list("abcdefg")[:n]) == expected
