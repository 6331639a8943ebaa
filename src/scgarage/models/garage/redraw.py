"""Cells that copy or nearly copy a training cell are drawn anew, and counted."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.pp import Components


@dataclass(frozen=True)
class Fingerprints:
    """A 64-bit number for each training cell."""

    numbers: NDArray[np.int64]  # sorted, (n_cells,)

    @classmethod
    def of(cls, values: sparse.csr_matrix) -> Self:
        """Fingerprint cells, CSR (n_cells, n_genes)."""
        return cls(np.sort(_fingerprint(values)))

    def match(self, values: sparse.csr_matrix) -> NDArray[np.bool_]:
        """Say which cells have the values of a training cell."""
        found: NDArray[np.bool_] = np.isin(_fingerprint(values), self.numbers)
        return found


def _fingerprint(values: sparse.csr_matrix) -> NDArray[np.int64]:
    """Add up, modulo 2^64, a random number of each gene times the value's bits."""
    values = values.sorted_indices()
    keys = np.random.default_rng(20_250_928).integers(2**62, size=values.shape[1], dtype=np.int64) | 1
    bits = np.ascontiguousarray(values.data, dtype=np.float32).view(np.int32).astype(np.int64)
    with np.errstate(over="ignore"):
        products = np.concatenate([[0], np.cumsum(keys[values.indices] * bits)])
        result: NDArray[np.int64] = products[values.indptr[1:]] - products[values.indptr[:-1]]
    return result


FLOOR = 0.7
"""Share, at most, of a training cell's distance to its nearest other training cell within which nothing may lie
(measured: 0 to 3 % of held-out real cells lie within it, and every training cell that lost 10 % of its counts)."""

REAL_SHARE = 0.02
"""Share of real cells that may break the floor; where more would, as with few genes, the floor is lower."""

N_COMPONENTS = 50


@dataclass(frozen=True)
class DistanceFloor:
    r"""Training cells in the space in which cells are compared, each with a reach of its own.

    .. math:: |x - x_k| < f \min_{j \ne k} |x_j - x_k|

    says that :math:`x` is too near to the training cell :math:`x_k`, the nearest one. :math:`f` is :data:`FLOOR`, or
    less where more than :data:`REAL_SHARE` of one half of the training cells would lie too near to the other half. The
    reach is the cell's own because distances differ between types: what is near for a rare cell far from all others is
    far in a dense type.
    """

    genes: NDArray[np.int64]  # numbers of the genes of the components, (n_genes,)
    components: Components  # class-balanced principal components
    points: NDArray[np.float32]  # training cells, (n_cells, n_components)
    reach: NDArray[np.float32]  # distance within which nothing may lie, (n_cells,)

    @classmethod
    def fit(
        cls, log_expr: sparse.csr_matrix, genes: NDArray[np.int64], labels: NDArray[np.int64], *, random_state: int
    ) -> Self:
        """Find components and reaches."""
        selected = log_expr[:, genes]
        try:
            components = Components.fit(
                selected, N_COMPONENTS, labels=labels.astype(np.str_), random_state=random_state
            )
        except InputError:  # Too few cells or genes, or all cells alike: there is nothing to compare by.
            empty = np.zeros((0, 1), dtype=np.float32)
            no_components = Components(np.zeros(len(genes), np.float32), np.zeros((1, len(genes)), np.float32))
            return cls(genes, no_components, empty, empty[:, 0])
        points = components.transform(selected)
        share = min(FLOOR, _quantile_of_real(points, np.random.default_rng(random_state)))
        return cls(genes, components, points, (share * _to_other(points)).astype(np.float32))

    def broken_by(self, log_expr: sparse.csr_matrix) -> NDArray[np.bool_]:
        """Say which cells lie too near to a training cell."""
        if not len(self.points) or not log_expr.shape[0]:
            return np.zeros(log_expr.shape[0], dtype=np.bool_)
        points = self.components.transform(log_expr[:, self.genes])
        distance, nearest = _nearest(points, self.points)
        return np.asarray(distance < self.reach[nearest], dtype=np.bool_)


AT_ONCE = 2**22
"""Distances up to which a few cells are compared without scikit-learn, which takes half a second to load."""


def _nearest(points: NDArray[np.float32], known: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the distance of each point to the nearest of the known ones, and the number of that, (n_cells,) each."""
    if len(points) * len(known) > AT_ONCE:
        from sklearn.neighbors import NearestNeighbors

        distance, nearest = NearestNeighbors(n_neighbors=1).fit(known).kneighbors(points)
        return distance[:, 0], nearest[:, 0]
    mine, theirs = points.astype(np.float64), known.astype(np.float64)
    found = ((theirs**2).sum(axis=1) - 2 * mine @ theirs.T).argmin(axis=1)
    return np.linalg.norm(mine - theirs[found], axis=1), found


def _to_other(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the distance of each cell to the nearest other one, (n_cells,)."""
    from sklearn.neighbors import NearestNeighbors

    distance: NDArray[np.float64] = NearestNeighbors(n_neighbors=2).fit(points).kneighbors(points)[0][:, 1]
    return distance


def _quantile_of_real(points: NDArray[np.float32], rng: np.random.Generator) -> float:
    """Return the share of the reach that :data:`REAL_SHARE` of one half of the cells break with the other half."""
    from sklearn.neighbors import NearestNeighbors

    order = rng.permutation(len(points))
    known, fresh = points[order[: len(order) // 2 + 1]], points[order[len(order) // 2 + 1 :]]
    distance, nearest = NearestNeighbors(n_neighbors=1).fit(known).kneighbors(fresh)
    to_other = _to_other(known)[nearest[:, 0]]
    ratios = distance[:, 0] / np.where(to_other > 0, to_other, np.inf)  # two equal cells have no reach
    return float(np.quantile(ratios[to_other > 0], REAL_SHARE)) if (to_other > 0).any() else 0.0


N_REDRAWS = 10
"""Times that cells too like a training cell are drawn anew."""

Guards: TypeAlias = tuple[Fingerprints, DistanceFloor]


def redraw(
    values: sparse.csr_matrix,
    draw: Callable[[NDArray[np.intp]], sparse.csr_matrix],
    guards: Guards,
    log_expr: Callable[[sparse.csr_matrix], sparse.csr_matrix],
) -> tuple[sparse.csr_matrix, dict[str, int]]:
    """Return cells among which none equals a training cell, lies too near to one or is empty, as far as can be."""
    refused = {"refused_copies": 0, "refused_near": 0}
    drawn, source, last = [values], np.arange(values.shape[0]), np.arange(values.shape[0])
    for number in range(N_REDRAWS + 1):
        copied, near, empty = _faults(drawn[-1], guards, log_expr)
        again = last[copied | near | empty]
        if not len(again) or number == N_REDRAWS:
            break
        refused["refused_copies"] += int(copied.sum())
        refused["refused_near"] += int(near.sum())
        source[again] = sum(one.shape[0] for one in drawn) + np.arange(len(again))
        drawn.append(draw(again))
        last = again
    if left := int((copied | near).sum()):
        msg = (
            f"{left:,} of {values.shape[0]:,} cells equal a training cell or lie too near to one after {N_REDRAWS} new "
            "draws: few cells of a type, genes or counts leave little to differ in; audit before you share them"
        )
        warnings.warn(msg, UserWarning, stacklevel=4)
    return values if len(drawn) == 1 else sparse.csr_matrix(sparse.vstack(drawn))[source], refused


def _faults(
    values: sparse.csr_matrix, guards: Guards, log_expr: Callable[[sparse.csr_matrix], sparse.csr_matrix]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which cells equal a training cell, which others lie too near to one, and which are empty."""
    fingerprints, floor = guards
    copied, empty = fingerprints.match(values), np.diff(values.indptr) == 0
    near = np.zeros(len(copied), dtype=np.bool_)
    near[~empty] = floor.broken_by(log_expr(values[~empty]))
    return copied, near & ~copied, empty
