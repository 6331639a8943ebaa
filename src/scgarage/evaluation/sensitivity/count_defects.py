"""Defects of expression: counts of real cells, spoilt in one known way, all else kept."""

# ruff: noqa: ARG001  (every defect has the same signature)

from collections.abc import Callable

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

__all__ = [
    "averaged",
    "copies",
    "double_depth",
    "dropout",
    "half_depth",
    "independent_genes",
    "jittered_copies",
    "merged_types",
    "permuted_genes",
    "shrunken_variance",
]

JITTER = 0.9
"""Share of the counts that a jittered copy keeps."""

DROPPED = 0.2
"""Share of the non-zero counts that extra dropout sets to 0."""

VARIANCE_KEPT = 0.7
"""Share of the variance within a type that shrinking keeps."""

Counts = sparse.csr_matrix
Dense = NDArray[np.float64]


def copies(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells themselves: nothing is wrong but that the model has seen them."""
    return _with_counts(cells, _counts(cells))


def jittered_copies(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with 10 % of their counts lost at random: copies that no exact search finds."""
    return _with_counts(cells, _thinned(_counts(cells), JITTER, np.random.default_rng(random_state)))


def half_depth(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with half of their counts lost at random."""
    return _with_counts(cells, _thinned(_counts(cells), 0.5, np.random.default_rng(random_state)))


def double_depth(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with every count doubled: nothing but the library size changes."""
    return _with_counts(cells, _counts(cells) * 2)


def dropout(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with 20 % of their non-zero counts set to 0, whatever their size."""
    counts = _counts(cells)
    counts.data = counts.data * (np.random.default_rng(random_state).random(len(counts.data)) >= DROPPED)
    return _with_counts(cells, counts)


def averaged(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return half the counts of each cell plus half those of another cell of its type.

    The differences between cells of a type have half their variance; the noise of counting stays.
    """
    rng = np.random.default_rng(random_state)
    labels = _labels(cells, labels_key)
    order = np.arange(len(labels))
    for name in np.unique(labels):
        members = np.flatnonzero(labels == name)
        order[members] = np.roll(rng.permutation(members), 1)
    counts = _counts(cells)
    return _with_counts(cells, _thinned(counts, 0.5, rng) + _thinned(counts[order], 0.5, rng))


def merged_types(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with those of the two commonest types mixed, half of one and half of the other each.

    Labels stay as they were.
    """
    rng = np.random.default_rng(random_state)
    counts, labels = _counts(cells), _labels(cells, labels_key)
    types, sizes = np.unique(labels, return_counts=True)
    first, second = (np.flatnonzero(labels == name) for name in types[np.argsort(-sizes, kind="stable")][:2])
    rows = np.concatenate([first, second])
    others = np.concatenate([rng.choice(second, len(first)), rng.choice(first, len(second))])
    mixed = _thinned(counts[rows], 0.5, rng) + _thinned(counts[others], 0.5, rng)
    kept = np.setdiff1d(np.arange(len(labels)), rows)
    stacked = sparse.vstack([mixed, counts[kept]]).tocsr()
    return _with_counts(cells, stacked[np.argsort(np.concatenate([rows, kept]))])


def permuted_genes(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with the counts of each gene permuted within each type: no gene knows of another."""
    rng = np.random.default_rng(random_state)
    return _within_types(cells, labels_key, lambda counts: rng.permuted(counts, axis=0))


def independent_genes(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return independent Poisson counts with the means of each cell's type."""
    rng = np.random.default_rng(random_state)
    return _within_types(cells, labels_key, lambda counts: rng.poisson(counts.mean(axis=0), counts.shape))


def shrunken_variance(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    r"""Return counts moved towards the mean of their type until 30 % of the variance is gone.

    .. math:: c' = \mu_t + \sqrt{0.7} \, (c - \mu_t)

    rounded up or down at random, so that means stay; the rounding gives rare counts some variance back.
    """
    rng = np.random.default_rng(random_state)

    def shrink(counts: Dense) -> Dense:
        means = counts.mean(axis=0)
        moved = means + np.sqrt(VARIANCE_KEPT) * (counts - means)
        return np.asarray(np.floor(moved + rng.random(moved.shape)))

    return _within_types(cells, labels_key, shrink)


def _within_types(cells: AnnData, labels_key: str, change: Callable[[Dense], NDArray[np.number]]) -> AnnData:
    """Change the dense counts of each type."""
    counts, labels = _counts(cells), _labels(cells, labels_key)
    rows = [np.flatnonzero(labels == name) for name in np.unique(labels)]
    changed = [sparse.csr_matrix(change(counts[members].toarray()).astype(np.float32)) for members in rows]
    return _with_counts(cells, sparse.vstack(changed).tocsr()[np.argsort(np.concatenate(rows))])


def _thinned(counts: Counts, share: float, rng: np.random.Generator) -> Counts:
    """Keep each single count with the given probability."""
    thinned = counts.copy()
    thinned.data = rng.binomial(counts.data.astype(np.int64), share).astype(np.float64)
    return thinned


def _counts(cells: AnnData) -> Counts:
    return sparse.csr_matrix(cells.X, dtype=np.float64, copy=True)


def _labels(cells: AnnData, labels_key: str) -> NDArray[np.str_]:
    return np.asarray(cells.obs[labels_key].astype(str), dtype=np.str_)


def _with_counts(cells: AnnData, counts: Counts) -> AnnData:
    matrix = sparse.csr_matrix(counts, dtype=np.float32)
    matrix.eliminate_zeros()
    return AnnData(matrix, obs=cells.obs.copy(), var=cells.var.copy())
