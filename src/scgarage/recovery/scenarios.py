"""What each method is asked to do in a check, and what is measured on the answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import anndata as ad
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.imputers import IMPUTED, Imputer
from scgarage.preprocess import library_size, log1p_cp10k
from scgarage.recovery.agreement import agreement
from scgarage.recovery.clustering import cluster_agreement
from scgarage.recovery.false_signals import decoy_correlation, decoys, halve, share_different
from scgarage.recovery.holdout import mask_entries, thin_counts
from scgarage.recovery.markers import marker_change
from scgarage.recovery.other_cells import type_agreement

__all__ = ["SCENARIOS", "Subject"]

TYPE, BATCH, GENES, HALF = "type", "batch", "genes", "half"

N_TYPES_TESTED = 3
SMALLEST_TYPE = 40
"""Types that are halved: the largest ones, of at least this many cells."""

Numbers: TypeAlias = dict[str, float]


@dataclass(frozen=True)
class Subject:
    """The data that imputers are checked on.

    Attributes
    ----------
    counts
        Counts of all genes, CSR ``(n_cells, n_genes)``.
    genes
        Columns of the genes that are imputed and looked at.
    types
        Cell types, or clusters where there are none, shape ``(n_cells,)``.
    batches
        Batches, shape ``(n_cells,)``, or ``None``.
    labelled
        Whether ``types`` were given.
    random_state
        Seed of everything that is held out.
    deeper
        Counts of the same cells and genes measured deeper, or ``None``.
    deeper_types
        Cell types of ``deeper``, shape ``(n_deeper_cells,)``, when its cells are others; else ``None``.
    """

    counts: sparse.csr_matrix
    genes: NDArray[np.int64]
    types: NDArray[np.str_]
    batches: NDArray[np.str_] | None
    labelled: bool
    random_state: int
    deeper: sparse.csr_matrix | None = None
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
        """Fit a fresh copy of an imputer to some counts and return the genes looked at, then decoys, imputed.

        Cells that have no counts left are not shown to the imputer and stay zero.
        """
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
