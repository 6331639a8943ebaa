"""Scenarios with a known truth: masked entries, thinned counts, halves of a sample, deeper cells."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import anndata as ad
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.imputation.base import IMPUTED, Imputer
from scgarage.imputation.measures import (
    agreement,
    cluster_agreement,
    decoy_correlation,
    decoys,
    halve,
    marker_change,
    share_different,
    type_agreement,
)
from scgarage.io.cells import library_size, log1p_cp10k


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


TYPE, BATCH, GENES, HALF = "type", "batch", "genes", "half"

N_TYPES_TESTED = 3
SMALLEST_TYPE = 40
"""Types that are halved: the largest ones, of at least this many cells."""

Numbers: TypeAlias = dict[str, float]


@dataclass(frozen=True)
class Subject:
    """The data that imputers are checked on."""

    counts: sparse.csr_matrix  # counts of all genes, CSR (n_cells, n_genes)
    genes: NDArray[np.int64]  # columns of the genes that are imputed and looked at
    types: NDArray[np.str_]  # cell types, or clusters where there are none, shape (n_cells,)
    batches: NDArray[np.str_] | None  # batches, shape (n_cells,), or None
    labelled: bool  # whether types were given
    random_state: int  # seed of everything that is held out
    deeper: sparse.csr_matrix | None = None  # counts of the same cells and genes measured deeper, or None
    # cell types of deeper, shape (n_deeper_cells,), when its cells are others; else None
    deeper_types: NDArray[np.str_] | None = None

    def log_expr(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return log1p CP10k of the genes looked at; cells without counts stay zero."""
        totals = np.maximum(library_size(counts), 1)
        return sparse.csr_matrix(log1p_cp10k(counts[:, self.genes], totals=totals))

    def impute(
        self,
        imputer: Imputer,
        counts: sparse.csr_matrix,
        *,
        cells: NDArray[np.int64] | None = None,
        types: NDArray[np.str_] | None = None,
        n_decoys: int = 0,
    ) -> sparse.csr_matrix:
        """Fit a fresh copy of an imputer to some counts and return the genes looked at, then decoys, imputed."""
        cells = np.arange(counts.shape[0]) if cells is None else cells
        shown = np.asarray(counts[cells].sum(axis=1)).ravel() > 0
        table = ad.AnnData(counts[cells[shown]])
        is_decoy = np.arange(table.n_vars) >= table.n_vars - n_decoys
        columns = np.concatenate([self.genes, np.flatnonzero(is_decoy)])
        table.var[GENES] = np.isin(np.arange(table.n_vars), columns)
        labels_key = batch_key = None
        if types is not None and imputer.uses_labels:
            labels_key, table.obs[TYPE] = TYPE, types[cells[shown]]
        if self.batches is not None:
            batch_key, table.obs[BATCH] = BATCH, self.batches[cells[shown]]
        fitted = type(imputer)(imputer.config).fit(table, labels_key=labels_key, batch_key=batch_key, genes_key=GENES)
        imputed = fitted.transform(table).layers[IMPUTED][:, columns]
        rows = sparse.csr_matrix(
            (np.ones(shown.sum()), (np.flatnonzero(shown), np.arange(shown.sum()))), shape=(len(cells), shown.sum())
        )
        return sparse.csr_matrix(rows @ imputed)

    @property
    def given_types(self) -> NDArray[np.str_] | None:
        """Types to tell an imputer, where they were given."""
        return self.types if self.labelled else None

    def tested_types(self) -> list[str]:
        """Return the largest types that are large enough to be halved."""
        names, sizes = np.unique(self.types, return_counts=True)
        order = np.argsort(-sizes, kind="stable")[:N_TYPES_TESTED]
        return [str(names[i]) for i in order if sizes[i] >= SMALLEST_TYPE]


def masked(subject: Subject, imputer: Imputer) -> Numbers:
    """Masked non-zero entries against what they were."""
    held = mask_entries(subject.counts, genes=subject.genes, random_state=subject.random_state)
    imputed = subject.impute(imputer, held.counts, types=subject.given_types)
    columns = np.searchsorted(subject.genes, held.columns)
    truth = subject.log_expr(subject.counts)
    score = agreement(np.asarray(imputed[held.rows, columns]).ravel(), np.asarray(truth[held.rows, columns]).ravel())
    return {"masked_correlation": score.correlation, "masked_mae": score.mae}


def thinned(subject: Subject, imputer: Imputer) -> Numbers:
    """Half of the molecules, imputed, against the other half."""
    kept, held = thin_counts(subject.counts, random_state=subject.random_state)
    imputed, truth = subject.impute(imputer, kept, types=subject.given_types), subject.log_expr(held)
    score = agreement(imputed.toarray(), truth.toarray())
    numbers = {"thinned_correlation": score.correlation, "thinned_mae": score.mae}
    if subject.labelled:
        change = marker_change(imputed, truth, subject.types)
        numbers |= {"marker_correlation": change.correlation, "marker_slope": change.slope}
    return numbers


def whole(subject: Subject, imputer: Imputer) -> Numbers:
    """All cells and some decoys, the imputer not told the types: clusters, spurious correlations, false differences."""
    rng = np.random.default_rng([subject.random_state, 1])
    n_decoys = max(1, len(subject.genes) // 20)
    chosen = rng.choice(subject.genes, n_decoys, replace=False)
    joined = sparse.hstack(
        [subject.counts, decoys(subject.counts, chosen, subject.types, rng)], format="csr", dtype=np.float32
    )
    start = time.perf_counter()
    imputed = subject.impute(imputer, sparse.csr_matrix(joined), n_decoys=n_decoys)
    seconds = time.perf_counter() - start
    is_decoy = np.arange(imputed.shape[1]) >= len(subject.genes)
    real = sparse.csr_matrix(imputed[:, : len(subject.genes)])
    inside = np.isin(subject.types, subject.tested_types())
    numbers = {
        "spurious_correlation": decoy_correlation(imputed[np.flatnonzero(inside)], is_decoy, subject.types[inside]),
        "false_de": _false_differences(subject, real, halve(subject.types, rng)),
        "filled": _share_filled(real, subject.counts[:, subject.genes]),
        "seconds": seconds,
    }
    if subject.labelled:
        numbers["ari"] = cluster_agreement(real, subject.types, random_state=subject.random_state)
    return numbers


def apart(subject: Subject, imputer: Imputer) -> Numbers:
    """Two random halves of the cells, each imputed on its own as two samples would be: false differences."""
    first = halve(subject.types, np.random.default_rng([subject.random_state, 2]))
    order = np.concatenate([np.flatnonzero(first), np.flatnonzero(~first)])
    parts = [
        subject.impute(imputer, subject.counts, cells=np.flatnonzero(half), types=subject.given_types)
        for half in (first, ~first)
    ]
    imputed = sparse.csr_matrix(sparse.vstack(parts, format="csr")[np.argsort(order)])
    return {"false_de_apart": _false_differences(subject, imputed, first)}


def told(subject: Subject, imputer: Imputer) -> Numbers:
    """Random halves of each tested type given to the imputer as two types: false differences."""
    if not imputer.uses_labels:
        return {}
    first = halve(subject.types, np.random.default_rng([subject.random_state, 2]))
    split = np.isin(subject.types, subject.tested_types())
    types = np.where(split & first, np.char.add(subject.types, " (half)"), subject.types)
    imputed = subject.impute(imputer, subject.counts, types=types)
    return {"false_de_told": _false_differences(subject, imputed, first)}


def depth(subject: Subject, imputer: Imputer) -> Numbers:
    """All cells, imputed, against a deeper measurement of them, or of other cells of the same types."""
    if subject.deeper is None:
        return {}
    imputed = subject.impute(imputer, subject.counts, types=subject.given_types)
    truth = subject.log_expr(subject.deeper)
    if subject.deeper_types is not None:
        by_type = type_agreement(imputed, subject.types, truth, subject.deeper_types)
        return {"deeper_type_correlation": by_type.correlation, "deeper_type_distance": by_type.distance}
    score = agreement(imputed.toarray(), truth.toarray())
    return {"deeper_correlation": score.correlation, "deeper_mae": score.mae}


def _share_filled(imputed: sparse.csr_matrix, counts: sparse.csr_matrix) -> float:
    """Return the share of the zeros that were given a value."""
    n_zeros = imputed.shape[0] * imputed.shape[1] - counts.count_nonzero()
    there = imputed.count_nonzero() - imputed.multiply(counts).count_nonzero()
    return float(there / max(n_zeros, 1))


def _false_differences(subject: Subject, imputed: sparse.csr_matrix, first: NDArray[np.bool_]) -> float:
    """Return the mean over types of the share of expressed genes that differ between the halves of a type."""
    shares = []
    for name in subject.tested_types():
        cells = np.flatnonzero(subject.types == name)
        expressed = np.asarray((subject.counts[cells][:, subject.genes] > 0).mean(axis=0)).ravel() >= 0.1
        if expressed.any():
            shares.append(share_different(imputed[cells][:, np.flatnonzero(expressed)], first[cells]))
    return float(np.mean(shares)) if shares else float("nan")


SCENARIOS: dict[str, Callable[[Subject, Imputer], Numbers]] = {
    "masked": masked,
    "thinned": thinned,
    "whole": whole,
    "apart": apart,
    "told": told,
    "deeper": depth,
}
"""Scenarios by name."""
