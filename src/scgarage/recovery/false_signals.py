"""Signals that are not there: differences between halves of one type, correlations of shuffled genes."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError

__all__ = ["decoy_correlation", "decoys", "halve", "share_different"]


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
    values = log_expr.toarray() if sparse.issparse(log_expr) else np.asarray(log_expr)
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
        part = log_expr[np.flatnonzero(types == name)]
        values = np.asarray(part.toarray() if sparse.issparse(part) else part, dtype=np.float64)
        values = values - values.mean(axis=0)
        norms = np.linalg.norm(values, axis=0)
        varying = norms > 1e-9
        values, decoy = values[:, varying] / norms[varying], is_decoy[varying]
        if decoy.any() and not decoy.all():
            means.append(np.abs(values[:, decoy].T @ values[:, ~decoy]).mean())
    return float(np.mean(means)) if means else float("nan")
