"""The history table."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from scgarage.training import History, progress_bar
from scgarage.training.monitor import (
    MONITORED,
    CollapseMonitor,
    collapse_advice,
    jacobian_rank,
    neighbour_diversity,
    type_coverage,
    with_monitor,
)


def blobs(n_cells=90, seed=0, n_types=3):
    """Cells around distant centres, in the order of their types."""
    noise = torch.Generator().manual_seed(seed)
    labels = np.repeat(np.arange(n_types), n_cells // n_types)
    centres = 10 * torch.eye(4)[:n_types]
    return centres[labels] + torch.randn(n_cells, 4, generator=noise), labels


REAL, LABELS = blobs()


def test_coverage_counts_the_types_that_are_reached():
    fake, labels = blobs(seed=1)
    assert type_coverage(fake, REAL, LABELS) == 1.0
    assert type_coverage(fake[labels < 2], REAL, LABELS) == pytest.approx(2 / 3)
    assert type_coverage(fake[labels == 0], REAL, LABELS) == pytest.approx(1 / 3)
    few = np.flatnonzero((labels < 2) | (np.arange(90) > 85))  # 4 of 64 where a third is expected
    assert type_coverage(fake[few], REAL, LABELS) == pytest.approx(2 / 3)


def test_coverage_ignores_order_unknown_types_and_types_that_cannot_be_told():
    fake, labels = blobs(seed=1)
    order = torch.randperm(len(fake), generator=torch.Generator().manual_seed(0))
    assert type_coverage(fake[order], REAL, LABELS) == type_coverage(fake, REAL, LABELS)
    hidden = np.where(LABELS == 2, -1, LABELS)
    assert type_coverage(fake[labels < 2], REAL, hidden) == 1.0
    lone = np.append(LABELS[:-1], 7)  # its nearest other cell is of another type
    assert type_coverage(fake, REAL, lone) == 1.0
    assert np.isnan(type_coverage(fake, REAL, np.full(len(REAL), -1)))


def test_diversity_is_a_ratio_of_distances():
    assert neighbour_diversity(REAL, REAL) == pytest.approx(1)
    assert neighbour_diversity(3 * REAL, REAL) == pytest.approx(3, rel=1e-3)
    assert neighbour_diversity(REAL[:1].expand(90, 4), REAL) == pytest.approx(0, abs=1e-3)
    assert 0.8 < neighbour_diversity(blobs(seed=1)[0], REAL) < 1.25
    assert np.isnan(neighbour_diversity(REAL[:1], REAL))


@pytest.mark.parametrize("rank", [0, 1, 4, 9])
def test_rank_of_a_linear_map_is_its_rank(rank):
    noise = torch.Generator().manual_seed(rank)
    left = torch.linalg.qr(torch.randn(20, 10, generator=noise))[0]
    right = torch.linalg.qr(torch.randn(10, 10, generator=noise))[0]
    strength = (torch.arange(10) < rank).float()
    matrix = 5 * left * strength @ right.T
    points = torch.randn(3, 10, generator=noise)
    assert jacobian_rank(lambda z: z @ matrix.T + 1, points, torch.eye(10)) == pytest.approx(rank, abs=1e-2)


def test_rank_of_unequal_singular_values_is_the_participation_ratio():
    powers = np.array([4.0, 1.0, 1.0])
    matrix = torch.diag(torch.tensor([2.0, 1.0, 1.0]))
    found = jacobian_rank(lambda z: z @ matrix, torch.zeros(1, 3), torch.eye(3))
    assert found == pytest.approx(powers.sum() ** 2 / (powers**2).sum(), rel=1e-3)


def test_monitor_tells_a_collapsed_generator_from_another():
    spread, stuck = (CollapseMonitor(REAL, LABELS, lambda r=r: r) for r in (7.0, 0.0))
    spread(blobs(seed=1)[0])
    stuck(REAL[:1].repeat(90, 1))
    assert spread.rows[0][MONITORED[0]] == 1.0
    assert spread.rows[0][MONITORED[1]] > 0.8
    assert stuck.rows[0][MONITORED[0]] == pytest.approx(1 / 3)
    assert stuck.rows[0][MONITORED[1]] < 0.01
    assert stuck.rows[0][MONITORED[2]] == 0


def test_measurements_stand_beside_the_validation_scores():
    history = pd.DataFrame({"step": [1, 2, 3, 4], "validation/score": [np.nan, 0.5, np.inf, 0.4]})
    rows = [dict.fromkeys(MONITORED, float(number)) for number in (1, 2, 3)]
    table = with_monitor(history, rows)
    assert table[MONITORED[0]].dropna().tolist() == [1, 2, 3]
    assert table["step"][table[MONITORED[0]].notna()].tolist() == [2, 3, 4]
    resumed = with_monitor(history, rows[1:])
    assert resumed[MONITORED[2]].fillna(-1).tolist() == [-1, -1, 2, 3]
    assert list(with_monitor(history, []).columns) == list(history.columns)
    assert MONITORED[0] not in history


GOOD = {"type_coverage": 1.0, "neighbour_diversity": 0.9, "jacobian_rank": 10.0}


@pytest.mark.parametrize(
    ("changed", "words", "help_"),
    [
        ({"type_coverage": 0.4}, "reach 40 % of the types", "objective='relativistic'"),
        ({"neighbour_diversity": 0.2}, "0.20 times as far apart", "penalties=['r1:1']"),
        ({"jacobian_rank": 1.2}, "1.2 directions", "n_latent"),
    ],
)
def test_each_sign_has_its_own_advice(changed, words, help_):
    (sentence,) = collapse_advice(GOOD | changed)
    assert words in sentence
    assert help_ in sentence


def test_all_signs_together_and_none():
    assert len(collapse_advice({"type_coverage": 0.1, "neighbour_diversity": 0.0, "jacobian_rank": 0.0})) == 3
    assert collapse_advice(GOOD)[0].startswith("No sign of mode collapse")


def test_what_was_not_measured_is_not_judged():
    assert collapse_advice({}) == []
    assert collapse_advice({"type_coverage": float("nan")}) == []
    assert collapse_advice({"neighbour_diversity": 0.9})[0].startswith("No sign")


def filled() -> History:
    history = History()
    history.add({"a/loss": 1.0, "b/loss": 4.0})
    history.add({"a/loss": 3.0})
    history.record(2)
    history.add({"a/loss": 5.0})
    history.record(3, {"validation/score": 0.5})
    history.add({"a/loss": 7.0})
    return history


def test_values_are_averaged_between_records():
    expected = pd.DataFrame(
        {"step": [2, 3], "a/loss": [2.0, 5.0], "b/loss": [4.0, np.nan], "validation/score": [np.nan, 0.5]}
    )
    pd.testing.assert_frame_equal(filled().frame(), expected)


def test_state_survives_json_with_an_open_window():
    history = filled()
    again = History.from_state(json.loads(json.dumps(history.state())))
    for each in (history, again):
        each.add({"a/loss": 9.0})
        each.record(5)
    pd.testing.assert_frame_equal(again.frame(), history.frame())
    assert again.frame()["a/loss"].iloc[-1] == 8.0


def test_restored_state_is_a_copy():
    history = filled()
    state = history.state()
    again = History.from_state(state)
    again.add({"a/loss": 9.0})
    again.record(5)
    assert len(history.frame()) == 2


def test_empty_history_has_a_step_column():
    assert list(History().frame().columns) == ["step"]


@pytest.mark.parametrize("show", [False, None])
def test_nothing_is_written_when_off_or_not_on_a_terminal(show: bool | None, capfd):
    with progress_bar("training", 3, show=show) as report:
        report(1, "text")
    assert capfd.readouterr() == ("", "")


def test_bar_goes_to_standard_error(capfd):
    with progress_bar("learning", 4, show=True, start=1) as report:
        report(4, "best 0.5")
    out, err = capfd.readouterr()
    assert out == ""
    assert "learning" in err
    assert "4/4" in err
    assert "best 0.5" in err


def test_missing_standard_error_shows_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with progress_bar("training", 3, show=None) as report:
        report(1, "")
