"""Counts held out from an imputer: binomial thinning, and entries set to zero."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError

__all__ = ["Masked", "mask_entries", "thin_counts"]


@dataclass(frozen=True)
class Masked:
    """Counts of which some non-zero entries were set to zero.

    Attributes
    ----------
    counts
        What is left, CSR ``(n_cells, n_genes)``.
    rows, columns
        Places of the masked entries, shape ``(n_masked,)``.
    """

    counts: sparse.csr_matrix
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]


def thin_counts(
    counts: sparse.csr_matrix, *, share: float = 0.5, random_state: int = 0
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    r"""Divide the molecules of every cell at random into two parts.

    .. math:: a_{ij} \sim \mathrm{Binom}(c_{ij}, p), \qquad b_{ij} = c_{ij} - a_{ij}

    When counts are Poisson the parts are independent given the expression, so ``b`` judges what was made of ``a``.

    Parameters
    ----------
    counts
        Whole counts, CSR ``(n_cells, n_genes)``.
    share
        Share p of the molecules in the first part, in (0, 1).
    random_state
        Seed.

    Returns
    -------
    The two parts, CSR float32 ``(n_cells, n_genes)``; they add up to ``counts``.

    Raises
    ------
    InputError
        When ``share`` is out of range or the values are not whole and at least zero.

    References
    ----------
    Batson et al., Molecular cross-validation for single-cell RNA-seq, 2019, doi:10.1101/786269.

    Examples
    --------
    >>> kept, held = thin_counts(sparse.csr_matrix(np.full((2, 3), 10.0)))
    >>> (kept + held).toarray().tolist()
    [[10.0, 10.0, 10.0], [10.0, 10.0, 10.0]]
    """
    _check_share("share", share)
    counts = _check_counts(counts)
    first = counts.copy()
    first.data = np.random.default_rng(random_state).binomial(counts.data.astype(np.int64), share).astype(np.float32)
    second = sparse.csr_matrix(counts - first)
    for part in (first, second):
        part.eliminate_zeros()
    return first, second


def mask_entries(
    counts: sparse.csr_matrix, *, share: float = 0.1, genes: NDArray[np.int64] | None = None, random_state: int = 0
) -> Masked:
    """Set a random share of the non-zero entries to zero.

    Parameters
    ----------
    counts
        Whole counts, CSR ``(n_cells, n_genes)``.
    share
        Share of the entries to mask, in (0, 1).
    genes
        Columns to mask entries of; all by default.
    random_state
        Seed.

    Returns
    -------
    What is left and where the masked entries are. Every cell keeps its first non-zero entry, so none is empty.

    Raises
    ------
    InputError
        When ``share`` is out of range or the values are not whole and at least zero.
    """
    _check_share("share", share)
    counts = _check_counts(counts)
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    maskable = np.ones(counts.nnz, dtype=bool) if genes is None else np.isin(counts.indices, genes)
    maskable[counts.indptr[:-1][np.diff(counts.indptr) > 0]] = False
    masked = maskable & (np.random.default_rng(random_state).random(counts.nnz) < share)
    left = counts.copy()
    left.data[masked] = 0
    left.eliminate_zeros()
    return Masked(left, rows[masked].astype(np.int64), counts.indices[masked].astype(np.int64))


def _check_share(name: str, share: float) -> None:
    if not 0 < share < 1:
        msg = f"{name} must lie between 0 and 1; found {share}"
        raise InputError(msg)


def _check_counts(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    counts = sparse.csr_matrix(counts, dtype=np.float32, copy=True)
    counts.sum_duplicates()
    counts.eliminate_zeros()
    if (counts.data < 0).any() or not np.array_equal(counts.data, np.rint(counts.data)):
        msg = "whole counts of at least 0 are needed to hold some out; pass layer= with the counts"
        raise InputError(msg)
    return counts
