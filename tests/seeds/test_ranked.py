from dataclasses import dataclass

import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.seeds import RankedSelector, StratifiedSelector


@dataclass(frozen=True)
class First(RankedSelector):
    """The cells with the highest first coordinate."""

    def scores(self, points, groups, quotas):
        self.seen.append((groups, quotas))
        return points[:, 0].astype(np.float64)

    @property
    def seen(self):
        return SEEN


SEEN: list = []


@pytest.fixture(autouse=True)
def forget():
    SEEN.clear()


def test_without_labels_the_highest_scores_of_all_are_taken(typed_cells):
    seeds = First(use_rep="X_pca").select(typed_cells, 30)
    assert set(seeds.indices) == set(np.argsort(-typed_cells.obsm["X_pca"][:, 0])[:30])
    assert seeds.diagnostics == {}
    groups, quotas = SEEN[0]
    assert (groups == 0).all()
    assert quotas.tolist() == [30]


def test_with_labels_quotas_are_those_of_the_stratified_selector_and_filled_by_score(typed_cells):
    seeds = First("cell_type", use_rep="X_pca").select(typed_cells, 40)
    expected = StratifiedSelector("cell_type").select(typed_cells, 40)
    labels = typed_cells.obs["cell_type"].to_numpy(dtype=str)
    assert sorted(labels[seeds.indices]) == sorted(labels[expected.indices])
    for name in np.unique(labels):
        picked = seeds.indices[labels[seeds.indices] == name]
        left = np.setdiff1d(np.flatnonzero(labels == name), picked)
        assert seeds.scores[picked].min() >= seeds.scores[left].max()


def test_order_of_the_cells_is_irrelevant(typed_cells):
    order = np.random.default_rng(0).permutation(typed_cells.n_obs)
    seeds = First("cell_type", use_rep="X_pca").select(typed_cells, 40)
    permuted = First("cell_type", use_rep="X_pca").select(typed_cells[order].copy(), 40)
    assert set(order[permuted.indices]) == set(seeds.indices)


def test_components_are_fitted_where_none_are_given(typed_cells):
    del typed_cells.obsm["X_pca"]
    assert len(First().select(typed_cells, 5)) == 5
    typed_cells.X = np.ceil(typed_cells.X)
    with pytest.raises(InputError, match="holds counts"):
        First().select(typed_cells, 5)
