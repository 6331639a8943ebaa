"""Agreement of imputed values with the truth, and signals that imputation makes up."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.io.matrix import dense
from scgarage.pp import Components
from scgarage.pp.graph import leiden, neighbour_adjacency


class Agreement(NamedTuple):
    """Agreement of imputed with true values.

    Attributes
    ----------
    mae
        Mean absolute error, log1p CP10k.
    correlation
        Pearson correlation, 0 when one side is constant.
    """

    mae: float
    correlation: float


def agreement(imputed: ArrayLike, truth: ArrayLike) -> Agreement:
    r"""Compare imputed values with the truth, entry by entry.

    .. math:: \mathrm{MAE} = \frac1n \sum_i |\hat x_i - x_i|

    Parameters
    ----------
    imputed, truth
        log1p CP10k of the same entries, same shape.

    Returns
    -------
    Mean absolute error and Pearson correlation over all entries.

    Raises
    ------
    InputError
        When the shapes differ, there is nothing to compare or a value is not finite.
    """
    first, second = _pair(imputed, truth)
    return Agreement(float(np.abs(first - second).mean()), correlation(first, second))


def correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Return the Pearson correlation of two lists of numbers; 0 when one of them is constant.

    A constant says nothing about the other side, which is what a correlation of 0 means: no imputation at all leaves
    every masked entry at zero.
    """
    a, b = _pair(first, second)
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    scale = max(1.0, float(np.abs(first).max()), float(np.abs(second).max()))
    return 0.0 if norm <= 1e-12 * scale**2 else float(a @ b / norm)


def _pair(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or not a.size:
        msg = f"imputed and true values need the same shape and at least one entry; found {a.shape} and {b.shape}"
        raise InputError(msg)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        msg = "imputed and true values must be finite; found NaN or infinity"
        raise InputError(msg)
    return a.ravel(), b.ravel()


class MarkerChange(NamedTuple):
    """Log-fold changes of imputed cells against those of held-out molecules.

    Attributes
    ----------
    correlation
        Pearson correlation over marker genes and types.
    slope
        Least-squares slope through the origin: below 1 differences shrink, above 1 they are exaggerated.
    """

    correlation: float
    slope: float


def log_fold_changes(
    log_expr: sparse.csr_matrix | NDArray[np.floating], types: NDArray[np.str_]
) -> NDArray[np.float64]:
    """Return mean log1p CP10k in each type minus the mean in all other cells, ``(n_types, n_genes)``, types sorted."""
    names, codes = np.unique(types, return_inverse=True)
    n_cells = len(codes)
    member = sparse.csr_matrix((np.ones(n_cells), (codes, np.arange(n_cells))), shape=(len(names), n_cells))
    sums = member @ log_expr
    sums = np.asarray(sums.todense() if sparse.issparse(sums) else sums, dtype=np.float64)
    sizes = np.bincount(codes)[:, None]
    return np.asarray(sums / sizes - (sums.sum(axis=0) - sums) / np.maximum(n_cells - sizes, 1))


def marker_change(
    imputed: sparse.csr_matrix | NDArray[np.floating],
    held_out: sparse.csr_matrix | NDArray[np.floating],
    types: NDArray[np.str_],
    *,
    n_markers: int = 20,
) -> MarkerChange:
    """Compare the log-fold changes of marker genes with those of molecules that were held out.

    Markers of a type are the ``n_markers`` genes with the largest change in the held-out molecules, which is the same
    choice for every method.

    Parameters
    ----------
    imputed, held_out
        log1p CP10k of the same cells and genes, ``(n_cells, n_genes)``.
    types
        Cell types, shape ``(n_cells,)``.
    n_markers
        Genes of each type.

    Returns
    -------
    Correlation and slope over all markers and all types.
    """
    truth, found = log_fold_changes(held_out, types), log_fold_changes(imputed, types)
    n_markers = min(n_markers, truth.shape[1])
    markers = np.unique(np.argpartition(-truth, n_markers - 1, axis=1)[:, :n_markers])
    a, b = truth[:, markers].ravel(), found[:, markers].ravel()
    power = float(a @ a)
    return MarkerChange(correlation(b, a), float(a @ b / power) if power else 0.0)


def matched_clusters(
    adjacency: sparse.csr_matrix, n_clusters: int, *, n_trials: int = 12, random_state: int = 0
) -> NDArray[np.int64]:
    """Cluster a graph at the resolution that gives a wanted number of clusters.

    The resolution is found by bisection on a logarithmic scale between 0.01 and 10; the truth is not looked at.

    Parameters
    ----------
    adjacency
        Symmetric weights, CSR ``(n_cells, n_cells)``.
    n_clusters
        Wanted number.
    n_trials
        Resolutions to try at most.
    random_state
        Seed of the clustering.

    Returns
    -------
    Clusters of the trial whose number came nearest, shape ``(n_cells,)``.
    """
    low, high = np.log(0.01), np.log(10.0)
    best: NDArray[np.int64] | None = None
    for _ in range(n_trials):
        middle = (low + high) / 2
        found = leiden(adjacency, resolution=float(np.exp(middle)), random_state=random_state)
        gap = int(found.max()) + 1 - n_clusters
        if best is None or abs(gap) < abs(int(best.max()) + 1 - n_clusters):
            best = found
        if gap == 0:
            break
        low, high = (low, middle) if gap > 0 else (middle, high)
    return found if best is None else best


def cluster_agreement(
    log_expr: sparse.csr_matrix | NDArray[np.floating],
    types: NDArray[np.str_],
    *,
    n_components: int = 30,
    n_repeats: int = 3,
    random_state: int = 0,
) -> float:
    """Return the adjusted Rand index of Leiden clusters and cell types.

    Principal components, 15 nearest neighbours, Leiden with as many clusters as there are types; the mean over
    ``n_repeats`` seeds of Leiden.

    Parameters
    ----------
    log_expr
        log1p CP10k, ``(n_cells, n_genes)``.
    types
        Cell types, shape ``(n_cells,)``.
    n_components
        Principal components.
    n_repeats
        Seeds to average over.
    random_state
        First seed.

    Returns
    -------
    Between -0.5 and 1; 0 is chance, and the value for cells that are all the same.

    References
    ----------
    Hubert and Arabie, Comparing partitions, Journal of Classification 1985, doi:10.1007/BF01908075.
    """
    from sklearn.metrics import adjusted_rand_score

    first = log_expr[[0] * log_expr.shape[0]]
    if not abs(log_expr - first).max() > 0:
        return 0.0  # an imputer may make all cells the same: one cluster, which is what chance scores
    components = Components.fit(log_expr, n_components, random_state=random_state)
    adjacency = neighbour_adjacency(components.transform(log_expr))
    n_types = len(np.unique(types))
    scores = [
        adjusted_rand_score(types, matched_clusters(adjacency, n_types, random_state=random_state + repeat))
        for repeat in range(n_repeats)
    ]
    return float(np.mean(scores))


def halve(types: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Divide the cells of every type at random into two halves.

    Returns
    -------
    Mask of the first half, shape ``(n_cells,)``; the halves of a type differ by at most one cell.
    """
    order = np.lexsort((rng.random(len(types)), types))
    first = np.zeros(len(types), dtype=bool)
    _, starts = np.unique(types[order], return_index=True)
    rank = np.arange(len(types)) - np.repeat(starts, np.diff([*starts, len(types)]))
    first[order] = rank % 2 == 0
    return first


def share_different(
    log_expr: sparse.csr_matrix | NDArray[np.floating], first: NDArray[np.bool_], *, level: float = 0.05
) -> float:
    """Return the share of genes whose values differ between two groups of cells.

    Two-sided Wilcoxon rank-sum test, normal approximation with ties, not corrected for multiple tests: when nothing
    differs the share is about ``level``, or less where values are mostly zero.

    Parameters
    ----------
    log_expr
        log1p CP10k of cells of one type, ``(n_cells, n_genes)``.
    first
        Mask of the first group, shape ``(n_cells,)``.
    level
        Largest p-value that counts as a difference.

    Returns
    -------
    Share of genes in [0, 1]; genes that are constant never differ.

    Raises
    ------
    InputError
        When a group has fewer than two cells.
    """
    from scipy.stats import mannwhitneyu

    if min(first.sum(), (~first).sum()) < 2:
        msg = f"both groups need at least 2 cells; found {int(first.sum())} and {int((~first).sum())}"
        raise InputError(msg)
    values = dense(log_expr)
    varying = np.ptp(values, axis=0) > 0
    if not varying.any():
        return 0.0
    values = values[:, varying]
    p_values = mannwhitneyu(values[first], values[~first], method="asymptotic", axis=0).pvalue
    return float((p_values < level).sum() / varying.size)


def decoys(
    counts: sparse.csr_matrix, genes: NDArray[np.int64], types: NDArray[np.str_], rng: np.random.Generator
) -> sparse.csr_matrix:
    """Return copies of genes whose counts are shuffled among the cells of each type.

    A decoy has the values of a gene in each type and, within a type, nothing to do with any other gene.

    Parameters
    ----------
    counts
        Counts, CSR ``(n_cells, n_genes)``.
    genes
        Columns to copy, shape ``(n_decoys,)``.
    types
        Cell types, shape ``(n_cells,)``.
    rng
        Source of the shuffles.

    Returns
    -------
    CSR float32 ``(n_cells, n_decoys)``.
    """
    chosen = np.asarray(counts[:, genes].toarray(), dtype=np.float32)
    made = np.empty_like(chosen)
    for name in np.unique(types):
        cells = np.flatnonzero(types == name)
        made[cells] = rng.permuted(chosen[cells], axis=0)
    return sparse.csr_matrix(made)


def decoy_correlation(
    log_expr: sparse.csr_matrix | NDArray[np.floating], is_decoy: NDArray[np.bool_], types: NDArray[np.str_]
) -> float:
    r"""Return how strongly decoys correlate with other genes within types, where they should not.

    Parameters
    ----------
    log_expr
        log1p CP10k, decoys included, ``(n_cells, n_genes)``.
    is_decoy
        Which columns are decoys, shape ``(n_genes,)``.
    types
        Types to look inside, shape ``(n_cells,)``; those with fewer than 30 cells are left out.

    Returns
    -------
    Mean absolute Pearson correlation of decoys with genes that are none, averaged over types; NaN when no type has
    enough cells. Chance alone gives about :math:`0.8 / \sqrt{n}` for n cells.
    """
    means = []
    for name, size in zip(*np.unique(types, return_counts=True), strict=True):
        if size < 30:
            continue
        values = dense(log_expr[np.flatnonzero(types == name)]).astype(np.float64)
        values = values - values.mean(axis=0)
        norms = np.linalg.norm(values, axis=0)
        varying = norms > 1e-9
        values, decoy = values[:, varying] / norms[varying], is_decoy[varying]
        if decoy.any() and not decoy.all():
            means.append(np.abs(values[:, decoy].T @ values[:, ~decoy]).mean())
    return float(np.mean(means)) if means else float("nan")


SMALLEST_TYPE = 3
"""Cells that a type needs on both sides."""


class TypeAgreement(NamedTuple):
    """Agreement of imputed cells with other, deeper cells of their types.

    Attributes
    ----------
    correlation
        Pearson correlation of a cell with the mean of the deeper cells of its type, averaged over cells, then types.
        A method that makes all cells of a type the same does well on it.
    distance
        Wasserstein distance between the values of a gene in the cells of a type and in the deeper ones, log1p CP10k,
        averaged over genes, then types. A method that makes all cells of a type the same does badly on it.
    """

    correlation: float
    distance: float


def type_agreement(
    imputed: sparse.csr_matrix | NDArray[np.floating],
    types: NDArray[np.str_],
    deeper: sparse.csr_matrix | NDArray[np.floating],
    deeper_types: NDArray[np.str_],
) -> TypeAgreement:
    r"""Compare imputed cells with a deeper measurement of other cells, type by type.

    .. math:: W_j = \int_0^1 |F_j^{-1}(u) - G_j^{-1}(u)| \, du

    with the distributions F and G of gene j in the cells of a type.

    Parameters
    ----------
    imputed
        log1p CP10k, ``(n_cells, n_genes)``.
    types
        Cell types, shape ``(n_cells,)``.
    deeper
        log1p CP10k of other cells, ``(n_deeper_cells, n_genes)``.
    deeper_types
        Their types, shape ``(n_deeper_cells,)``.

    Returns
    -------
    Means over the types that have at least 3 cells on both sides.

    Raises
    ------
    InputError
        When no type has enough cells on both sides.
    """
    correlations, distances = [], []
    for name in np.intersect1d(types, deeper_types):
        mine, theirs = (
            dense(values[np.flatnonzero(own == name)]).astype(np.float64)
            for values, own in ((imputed, types), (deeper, deeper_types))
        )
        if min(len(mine), len(theirs)) < SMALLEST_TYPE:
            continue
        correlations.append(_correlations(mine, theirs.mean(axis=0)).mean())
        distances.append(_distances(mine, theirs).mean())
    if not distances:
        msg = (
            f"the deeper measurement shares no cell type of at least {SMALLEST_TYPE} cells with these cells; "
            f"found {sorted(set(types.tolist()))[:5]} and {sorted(set(deeper_types.tolist()))[:5]}"
        )
        raise InputError(msg)
    return TypeAgreement(float(np.mean(correlations)), float(np.mean(distances)))


def _correlations(cells: NDArray[np.float64], profile: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation of each cell with a profile; 0 when one of them is constant."""
    cells, profile = cells - cells.mean(axis=1, keepdims=True), profile - profile.mean()
    norms = np.linalg.norm(cells, axis=1) * np.linalg.norm(profile)
    return np.where(norms > 0, (cells @ profile) / np.where(norms > 0, norms, 1), 0.0)


def _distances(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the exact Wasserstein distance of each column."""
    ends = np.union1d(np.arange(1, len(first) + 1) / len(first), np.arange(1, len(second) + 1) / len(second))
    widths = np.diff(ends, prepend=0.0)
    middle = ends - widths / 2
    first, second = np.sort(first, axis=0), np.sort(second, axis=0)
    a, b = (values[np.minimum((middle * len(values)).astype(int), len(values) - 1)] for values in (first, second))
    distances: NDArray[np.float64] = widths @ np.abs(a - b)
    return distances
