"""What measuring does to cells: doublets, ambient RNA, swapped barcodes, drop-out."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from scgarage.simulation.plan import MeasurementPlan


@dataclass(frozen=True)
class Measured:
    """Cells as they are seen, and what happened to them."""

    counts: sparse.csr_matrix  # (n_cells, n_genes)
    obs: dict[str, NDArray[np.float64] | NDArray[np.int64]] = field(default_factory=dict)  # each (n_cells,)
    layers: dict[str, sparse.csr_matrix | NDArray[np.float32]] = field(default_factory=dict)
    profile: NDArray[np.float64] | None = None  # shares of the ambient RNA, (n_genes,)


def measure(
    counts: sparse.csr_matrix,
    rates: NDArray[np.float32] | None,
    n_cells: int,
    first: NDArray[np.int64] | None,
    plan: MeasurementPlan,
    sets: NDArray[np.int64],
    rng: np.random.Generator,
) -> Measured:
    """Measure cells; those beyond ``n_cells`` are in the same droplets as the cells ``first``.

    ``sets`` are donors or batches, between which barcodes are swapped, (n_cells,).
    """
    obs: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {}
    layers: dict[str, sparse.csr_matrix | NDArray[np.float32]] = {}
    profile = None
    if first is not None:
        joined = sparse.csr_matrix(
            (np.ones(len(first), np.float32), (first, np.arange(len(first)))), shape=(n_cells, len(first))
        )
        counts = sparse.csr_matrix(counts[:n_cells] + joined @ counts[n_cells:])
        if rates is not None:
            rates[first] += rates[n_cells:]
    if rates is not None:
        layers["expected"] = rates[:n_cells]
    if plan.ambient:
        counts, ambient, profile, share = _soiled(counts, plan, rng)
        layers["ambient"], obs["ambient_share"], obs["n_ambient"] = ambient, share, _sums(ambient)
    if plan.swaps:
        counts, received = _swapped(counts, plan.swaps, sets, rng)
        obs["n_swapped_in"] = _sums(received)
    if plan.dropout:
        counts, dropped = _dropped(counts, plan, rng)
        layers["dropped"], obs["n_dropped"] = dropped, _sums(dropped)
    return Measured(counts, obs, layers, profile)


def _sums(counts: sparse.csr_matrix) -> NDArray[np.int64]:
    return np.asarray(counts.sum(axis=1)).ravel().astype(np.int64)


def _with(counts: sparse.csr_matrix, data: NDArray[np.floating] | NDArray[np.int64]) -> sparse.csr_matrix:
    """Return counts of the same entries with other values, without zeros."""
    made = sparse.csr_matrix((data.astype(np.float32), counts.indices.copy(), counts.indptr.copy()), shape=counts.shape)
    made.eliminate_zeros()
    return made


def _soiled(
    counts: sparse.csr_matrix, plan: MeasurementPlan, rng: np.random.Generator
) -> tuple[sparse.csr_matrix, sparse.csr_matrix, NDArray[np.float64], NDArray[np.float64]]:
    """Replace a share of each cell's counts by ambient RNA; return all counts, ambient ones, profile and shares."""
    n_cells, n_genes = counts.shape
    share = np.full(n_cells, plan.ambient)
    if plan.ambient_sd:
        precision = plan.ambient * (1 - plan.ambient) / plan.ambient_sd**2 - 1
        share = rng.beta(plan.ambient * precision, (1 - plan.ambient) * precision, n_cells)
    profile = np.asarray(counts.sum(axis=0), dtype=np.float64).ravel()
    profile /= profile.sum()
    totals = np.asarray(counts.sum(axis=1)).ravel()
    kept = rng.binomial(counts.data.astype(np.int64), 1 - np.repeat(share, np.diff(counts.indptr)))
    number = rng.poisson(share * totals)
    cells = np.repeat(np.arange(n_cells), number)
    # The same as a draw for each count, and faster.
    genes = rng.permutation(np.repeat(np.arange(n_genes), rng.multinomial(len(cells), profile)))
    ambient = sparse.csr_matrix((np.ones(len(cells), np.float32), (cells, genes)), shape=counts.shape)
    ambient.sum_duplicates()
    return sparse.csr_matrix(_with(counts, kept) + ambient), ambient, profile, share


def _swapped(
    counts: sparse.csr_matrix, share: float, sets: NDArray[np.int64], rng: np.random.Generator
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Let counts go to cells of other sets; return all counts and those received."""
    n_cells = len(sets)
    target = np.arange(n_cells)
    if len(np.unique(sets)) > 1:
        order = np.argsort(sets, kind="stable")
        start, size = np.searchsorted(sets[order], sets), np.bincount(sets)[sets]
        # The cells of a set lie together; a step beyond them, round the end, leads to any cell of the others.
        step = (rng.random(n_cells) * (n_cells - size)).astype(np.int64)
        target = order[(start + size + step) % n_cells]
    moved = rng.binomial(counts.data.astype(np.int64), share)
    gone = _with(counts, moved)
    sent = sparse.csr_matrix((np.ones(n_cells, np.float32), (target, np.arange(n_cells))), shape=(n_cells, n_cells))
    received = sparse.csr_matrix(sent @ gone)
    return sparse.csr_matrix(_with(counts, counts.data - moved) + received), received


def _dropped(
    counts: sparse.csr_matrix, plan: MeasurementPlan, rng: np.random.Generator
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    r"""Lose counts above zero; return what is left and what was lost.

    .. math:: \mathrm{logit} \, p_j = \alpha - s \log \bar c_j

    with the slope :math:`s` and :math:`\alpha` such that the planned share is lost, on average over counts above zero.
    """
    mean = np.asarray(counts.mean(axis=0)).ravel()
    log_mean = np.log(np.maximum(mean, 1e-12))
    seen = np.bincount(counts.indices, minlength=counts.shape[1]).astype(np.float64)
    low, high = -60.0 * (1 + plan.dropout_slope), 60.0 * (1 + plan.dropout_slope)
    for _ in range(80):
        middle = (low + high) / 2
        lost = special.expit(middle - plan.dropout_slope * log_mean) @ seen / max(seen.sum(), 1.0)
        low, high = (middle, high) if lost < plan.dropout else (low, middle)
    chance = special.expit(low - plan.dropout_slope * log_mean)
    lost = rng.random(counts.nnz) < chance[counts.indices]
    return _with(counts, np.where(lost, 0, counts.data)), _with(counts, np.where(lost, counts.data, 0))
