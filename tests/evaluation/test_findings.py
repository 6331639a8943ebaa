import numpy as np
import pytest

from scgarage.judge.evaluation.verdict import (
    CLOSE,
    POOR,
    WITH_CARE,
    beside_noise,
    copying,
    covered,
    distance,
    told_apart,
)


def row(value: float, floor: float, *, sd: float = 0.01, score: float = 0.5, n_cells: int = 500) -> dict[str, float]:
    return {
        "value": value,
        "value_sd": sd,
        "floor": floor,
        "floor_sd": sd,
        "score": score,
        "n_cells": n_cells,
    }


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        # The table of measured generators: floor, copula, undertrained, collapsed.
        (told_apart(row(0.53, 0.53)), CLOSE),
        (told_apart(row(0.61, 0.53)), CLOSE),
        (told_apart(row(0.84, 0.53)), WITH_CARE),
        (told_apart(row(1.00, 0.53)), POOR),
        (told_apart(row(0.70, 0.53), on_genes=True), CLOSE),
        (told_apart(row(1.00, 0.53), on_genes=True), WITH_CARE),
        (distance(row(1.24, 1.0)), CLOSE),
        (distance(row(2.4, 1.0)), WITH_CARE),
        (distance(row(12.7, 1.0)), POOR),
        (covered(row(0.87, 0.98)), CLOSE),
        (covered(row(0.60, 0.98)), WITH_CARE),
        (covered(row(0.04, 0.98)), POOR),
        (covered(row(0.04, 0.98), rare=True), WITH_CARE),
        (copying(row(0.55, 0.50, sd=0.02), collapsed=False), CLOSE),
        (copying(row(0.70, 0.50, score=0.4), collapsed=False), WITH_CARE),
        (copying(row(0.97, 0.50, score=0.95), collapsed=False), POOR),
        (copying(row(0.97, 0.50, score=0.95), collapsed=True), WITH_CARE),
        (copying(row(0.45, 0.50, score=0.1), collapsed=False), CLOSE),
        (copying(row(0.20, 0.50, score=0.6), collapsed=False), POOR),
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
    assert judge(row(*far)).level == POOR
    assert judge(row(*far, sd=3.0)).level == CLOSE


def test_a_floor_far_from_the_target_counts_for_the_cells() -> None:
    # Another donor: real training cells are told apart too.
    assert told_apart(row(0.85, 0.82)).level == CLOSE
    assert copying(row(0.62, 0.60), collapsed=False).level == CLOSE
    assert copying(row(0.38, 0.40), collapsed=False).level == CLOSE


def test_copying_is_not_claimed_from_few_cells() -> None:
    assert copying(row(0.65, 0.5, score=0.3, n_cells=2000), collapsed=False).level == WITH_CARE
    assert copying(row(0.65, 0.5, score=0.3, n_cells=20), collapsed=False).level == CLOSE


def test_one_repeat_has_no_deviation_and_still_a_level() -> None:
    assert distance(row(4.0, 1.0, sd=np.nan)).level == POOR
    assert copying(row(0.97, 0.5, sd=np.nan, score=0.9), collapsed=False).level == POOR


def test_sentences_hold_value_and_floor() -> None:
    assert "0.84, and real training cells with 0.53" in told_apart(row(0.84, 0.53)).sentence
    assert "2.4 times the floor" in distance(row(2.4, 1.0)).sentence
    assert covered(row(0.6, 0.98)).sentence.startswith("60% of the held-out cells")
    assert "98% have a real training cell" in covered(row(0.6, 0.98)).sentence
    assert "of fresh real cells 47%" in copying(row(0.5, 0.47), collapsed=False).sentence


def test_a_floor_of_theory_is_not_called_measured() -> None:
    finding = copying(row(0.5, 0.5) | {"note": "floor 0.5 by theory: too few"}, collapsed=False)
    assert "fresh" not in finding.sentence
    assert finding.sentence.endswith("(50% without copying): no clear sign of copying.")


def test_more_than_half_near_training_cells_is_not_passed_over_in_silence() -> None:
    beyond = copying(row(0.60, 0.58, sd=0.02), collapsed=False)
    assert beyond.level == CLOSE
    assert "run the audit" in beyond.sentence
    assert "no clear sign" in copying(row(0.53, 0.50, sd=0.02), collapsed=False).sentence
