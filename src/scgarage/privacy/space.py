"""The space of the audit: components of real cells that take no part in any comparison."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scgarage.evaluation.space import REFERENCE_LIMIT
from scgarage.preprocess import Components, select_hvg
from scgarage.privacy.population import Population

__all__ = ["N_TOP_GENES", "Space"]

N_TOP_GENES = 1000
"""Highly variable genes of the reference cells that the components are made of."""


@dataclass(frozen=True)
class Space:
    """Genes and components.

    Attributes
    ----------
    genes
        Numbers of the selected genes, (n_selected,).
    components
        Components of log1p CP10k of those genes.
    """

    genes: NDArray[np.intp]
    components: Components

    @classmethod
    def fit(cls, reference: Population, n_pcs: int, rng: np.random.Generator) -> Self:
        """Select genes and fit components on reference cells, at most ``REFERENCE_LIMIT`` of them.

        Neither members nor non-members take part: genes or components chosen with one of the two put the
        other further away.

        Raises
        ------
        InputError
            If there are too few cells or genes.
        """
        sample = reference.take(rng.permutation(len(reference))[:REFERENCE_LIMIT])
        genes = np.flatnonzero(select_hvg(sample.log_expr(), N_TOP_GENES))
        components = Components.fit(sample.log_expr(genes), n_pcs, random_state=int(rng.integers(2**31)))
        return cls(genes, components)

    def points(self, cells: Population) -> NDArray[np.float64]:
        """Return the components of cells, float64 (n_cells, n_pcs)."""
        return self.components.transform(cells.log_expr(self.genes)).astype(np.float64)
