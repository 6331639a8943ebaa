import numpy as np
import pandas as pd
import pytest
import torch

from scgarage.training.monitor import (
    MONITORED,
    CollapseMonitor,
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
