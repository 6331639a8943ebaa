"""Separate groups of cells within labelled types, each with marginals of its own."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.neighbors import KNeighborsClassifier

from scgarage.models.garage.clusters import islands
from scgarage.preprocess import Components

__all__ = ["Groups"]

N_VOTES = 5
"""Training cells of its type that say which group another cell belongs to."""


@dataclass(frozen=True)
class Groups:
    """Groups of training cells, and to which of them other cells belong; not kept after fitting.

    Attributes
    ----------
    parent
        Type that each group is part of, (n_groups,).
    codes
        Group of each training cell, (n_cells,).
    components
        Space in which cells are compared.
    points
        Training cells there, (n_cells, n_components).
    """

    parent: NDArray[np.int64]
    codes: NDArray[np.int64]
    components: Components
    points: NDArray[np.float32]

    @classmethod
    def find(
        cls,
        log_expr: sparse.csr_matrix,
        types: NDArray[np.int64],
        n_types: int,
        *,
        smallest: int,
        resolution: float,
        random_state: int,
    ) -> Self:
        """Divide types into islands, communities whose cells have most of their neighbours among themselves.

        Parameters
        ----------
        log_expr
            log1p CP10k of the highly variable genes, (n_cells, n_genes).
        types
            Type of each cell, (n_cells,).
        n_types
            Number of types.
        smallest
            Cells that a group has at least. Cells of a type that are in none are a group of their own if they are as
            many, else they join their neighbours'.
        resolution
            Leiden resolution; half of it, itself and twice as much are looked at.
        random_state
            Seed.
        """
        components = Components.fit(log_expr, 50, random_state=random_state)
        points = components.transform(log_expr)
        found = islands(points, resolution / 2, random_state=random_state)
        codes = np.empty(len(types), dtype=np.int64)
        parent: list[int] = []
        for kind in range(n_types):
            rows = np.flatnonzero(types == kind)
            parts = _divided(points[rows], found[rows], smallest)
            codes[rows] = len(parent) + parts
            parent += [kind] * (int(parts.max(initial=0)) + 1)
        return cls(np.asarray(parent, dtype=np.int64), codes, components, points)

    def assign(self, log_expr: sparse.csr_matrix, types: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the groups of other cells with known types, (n_cells,)."""
        points, mine = self.components.transform(log_expr), self.parent[self.codes]
        codes = np.empty(len(types), dtype=np.int64)
        for kind in np.unique(types):
            asked, known = np.flatnonzero(types == kind), np.flatnonzero(mine == kind)
            votes = KNeighborsClassifier(min(N_VOTES, len(known))).fit(self.points[known], self.codes[known])
            codes[asked] = votes.predict(points[asked])
        return codes


def _divided(points: NDArray[np.float32], found: NDArray[np.int64], smallest: int) -> NDArray[np.int64]:
    """Return the groups of one type, numbered from 0; ``found`` is 0 outside islands."""
    names, sizes = np.unique(found, return_counts=True)
    large = names[(sizes >= smallest) & (names > 0)]
    groups = np.where(np.isin(found, large), found, 0)
    left = np.flatnonzero(groups == 0)
    if len(large) and 0 < len(left) < smallest:
        inside = np.flatnonzero(groups)
        groups[left] = KNeighborsClassifier(1).fit(points[inside], groups[inside]).predict(points[left])
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)
