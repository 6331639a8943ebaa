"""Defects of composition: the right cells with wrong labels or in wrong numbers."""

# ruff: noqa: ARG001  (every defect has the same signature)

import numpy as np
from anndata import AnnData

from scgarage.evaluation.sensitivity.count_defects import RARE

__all__ = ["lost_rare_type", "mislabelled", "mislabelled_rare_types", "one_batch", "skewed_proportions"]

MISLABELLED = 0.3
"""Share of the cells that get the label of another cell."""

REMOVED = 0.7
"""Share of the commonest type that skewed proportions lack."""


def lost_rare_type(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells without the commonest rare type; without the rarest type where none is rare."""
    shares = cells.obs[labels_key].astype(str).value_counts(normalize=True)
    rare = shares[shares < RARE]
    lost = (rare if len(rare) else shares.iloc[-1:]).index[0]
    return cells[(cells.obs[labels_key].astype(str) != lost).to_numpy()].copy()


def skewed_proportions(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells without 70 % of those of the commonest type."""
    labels = cells.obs[labels_key].astype(str)
    common = np.flatnonzero((labels == labels.mode()[0]).to_numpy())
    removed = np.random.default_rng(random_state).permutation(common)[: round(REMOVED * len(common))]
    return cells[np.setdiff1d(np.arange(cells.n_obs), removed)].copy()


def mislabelled(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with the labels of 30 % of them permuted; the proportions stay."""
    rng = np.random.default_rng(random_state)
    labels = cells.obs[labels_key].astype(str).to_numpy(dtype=object)
    chosen = rng.permutation(len(labels))[: round(MISLABELLED * len(labels))]
    labels[chosen] = labels[rng.permutation(chosen)]
    changed = cells.copy()
    changed.obs[labels_key] = labels
    return changed


def mislabelled_rare_types(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with half of the rare ones and as many common ones having swapped their labels.

    Rare types have less than 5 % of the cells; where none has, the smallest one counts as rare. Proportions stay.
    """
    rng = np.random.default_rng(random_state)
    labels = cells.obs[labels_key].astype(str).to_numpy(dtype=object)
    shares = cells.obs[labels_key].astype(str).value_counts(normalize=True)
    names = shares.index[shares < RARE] if (shares < RARE).any() else shares.index[-1:]
    is_rare = np.isin(labels.astype(str), names)
    rare = rng.permutation(np.flatnonzero(is_rare))[: max(1, int(is_rare.sum()) // 2)]
    common = rng.choice(np.flatnonzero(~is_rare), len(rare), replace=False)
    labels[rare], labels[common] = labels[common], labels[rare]
    changed = cells.copy()
    changed.obs[labels_key] = labels
    return changed


def one_batch(cells: AnnData, labels_key: str, *, batch_key: str, random_state: int = 0) -> AnnData:
    """Return the cells of the largest batch only."""
    batches = cells.obs[batch_key].astype(str)
    return cells[(batches == batches.mode()[0]).to_numpy()].copy()
