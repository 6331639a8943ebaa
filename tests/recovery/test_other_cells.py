import numpy as np
import pytest
from scipy import sparse, stats

from scgarage.errors import InputError
from scgarage.imputation import type_agreement

TYPES = np.repeat(["a", "b"], [7, 9])
DEEP_TYPES = np.repeat(["a", "b", "c"], [5, 4, 6])


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    return rng.gamma(1.0, size=(16, 12)), rng.gamma(2.0, size=(15, 12))


def test_distance_and_correlation_match_scipy_and_numpy(values):
    mine, deep = values
    distances, correlations = [], []
    for name in ("a", "b"):
        x, y = mine[name == TYPES], deep[name == DEEP_TYPES]
        distances.append(np.mean([stats.wasserstein_distance(x[:, j], y[:, j]) for j in range(12)]))
        correlations.append(np.mean([np.corrcoef(cell, y.mean(axis=0))[0, 1] for cell in x]))
    found = type_agreement(sparse.csr_matrix(mine), TYPES, deep, DEEP_TYPES)
    assert found.distance == pytest.approx(np.mean(distances))
    assert found.correlation == pytest.approx(np.mean(correlations))


def test_the_same_cells_in_another_order_are_no_distance_away(values):
    mine, _ = values
    order = np.random.default_rng(1).permutation(16)
    assert type_agreement(mine, TYPES, mine[order], TYPES[order]).distance == pytest.approx(0, abs=1e-12)


def test_means_correlate_but_are_far_away(values):
    mine, _ = values
    means = np.stack([mine[name == TYPES].mean(axis=0) for name in TYPES])
    smooth, plain = (type_agreement(x, TYPES, mine, TYPES) for x in (means, mine))
    assert smooth.correlation == pytest.approx(1)
    assert smooth.distance > plain.distance


def test_cells_without_any_value_count_as_uncorrelated(values):
    mine, deep = values
    assert type_agreement(mine * 0, TYPES, deep, DEEP_TYPES).correlation == 0


def test_no_shared_type_is_refused(values):
    mine, deep = values
    with pytest.raises(InputError, match="shares no cell type"):
        type_agreement(mine, TYPES, deep, np.full(15, "z"))
