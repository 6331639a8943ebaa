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
    "merged_rare_types",
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

RARE = 0.05
"""Share of the cells below which a type is rare."""

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
    """Return the cells with those of two common types mixed, half of one and half of the other each.

    The types are the commonest one and, of those with 5 % of the cells, the one least like it. Labels stay.
    """
    rng = np.random.default_rng(random_state)
    counts, labels = _counts(cells), _labels(cells, labels_key)
    names, sizes, profiles = _profiles(counts, labels)
    first = int(np.argmax(sizes))
    common = sizes >= RARE * len(labels)
    common[np.argsort(-sizes, kind="stable")[:2]] = True
    second = int(np.argmax(np.where(common, _distance(profiles, first), -1)))
    rows, others = (np.flatnonzero(labels == names[number]) for number in (first, second))
    partners = np.concatenate([rng.choice(others, len(rows)), rng.choice(rows, len(others))])
    return _with_counts(cells, _mixed(counts, np.concatenate([rows, others]), partners, rng))


def merged_rare_types(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with half the counts of rare ones from cells of the common type most like them.

    Rare types have less than 5 % of the cells; where none has, the smallest one counts as rare. Labels stay.
    """
    rng = np.random.default_rng(random_state)
    counts, labels = _counts(cells), _labels(cells, labels_key)
    names, sizes, profiles = _profiles(counts, labels)
    rare = sizes < RARE * len(labels)
    rare[np.argmin(sizes)] |= not rare.any()
    rows, partners = [], []
    for number in np.flatnonzero(rare):
        nearest = int(np.argmin(np.where(rare, np.inf, _distance(profiles, int(number)))))
        rows.append(np.flatnonzero(labels == names[number]))
        partners.append(rng.choice(np.flatnonzero(labels == names[nearest]), len(rows[-1])))
    return _with_counts(cells, _mixed(counts, np.concatenate(rows), np.concatenate(partners), rng))


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


def _profiles(counts: Counts, labels: NDArray[np.str_]) -> tuple[NDArray[np.str_], NDArray[np.int64], Dense]:
    """Return names, numbers of cells and log1p CP10k of the summed counts of the types."""
    names, codes = np.unique(labels, return_inverse=True)
    sums = sparse.csr_matrix((np.ones(len(codes)), (codes, np.arange(len(codes))))) @ counts
    profiles = np.log1p(1e4 * sums.toarray() / np.maximum(sums.sum(axis=1).A1, 1)[:, None])
    return names, np.bincount(codes), profiles


def _distance(profiles: Dense, number: int) -> Dense:
    """Return how far the types are from one of them, 0 for itself."""
    return np.asarray(np.linalg.norm(profiles - profiles[number], axis=1))


def _mixed(counts: Counts, rows: NDArray[np.intp], partners: NDArray[np.intp], rng: np.random.Generator) -> Counts:
    """Replace half the counts of some cells by half those of others."""
    mixed = _thinned(counts[rows], 0.5, rng) + _thinned(counts[partners], 0.5, rng)
    kept = np.setdiff1d(np.arange(counts.shape[0]), rows)
    stacked: Counts = sparse.vstack([mixed, counts[kept]]).tocsr()[np.argsort(np.concatenate([rows, kept]))]
    return stacked


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
