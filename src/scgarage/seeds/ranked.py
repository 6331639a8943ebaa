"""What selectors by a score have in common: with labels quotas per type, without labels the highest scores of all."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
from numpy.typing import NDArray

from scgarage.seeds.allocation import top_per_type, type_quotas
from scgarage.seeds.base import Seeds, check_n_seeds
from scgarage.seeds.cell_types import CellTypes
from scgarage.seeds.points import points_of

__all__ = ["RankedSelector"]


@dataclass(frozen=True)
class RankedSelector(ABC):
    """Cells by a score of their place among the others; with labels each type has its quota.

    Attributes
    ----------
    labels_key
        Column of ``obs`` with the cell types; ``None`` goes without, and the highest scores of all cells are taken.
    use_rep
        Slot of ``obsm`` that distances are taken in; ``None`` for components of ``X`` in which every type, or without
        labels every community, counts the same.
    power, rare_boost, minimum
        Quotas, see :func:`scgarage.seeds.type_quotas`.
    rare_fraction, rare_threshold
        When a type is rare, see :func:`scgarage.seeds.rare_types`.
    random_state
        Seed; orders equal scores.
    """

    labels_key: str | None = None
    use_rep: str | None = None
    power: float = 1.0
    rare_boost: float = 2.0
    minimum: int = 1
    rare_fraction: float = 0.05
    rare_threshold: int | None = None
    random_state: int = 0

    @abstractmethod
    def scores(
        self, points: NDArray[np.floating[Any]], groups: NDArray[np.int64], quotas: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the score of each cell, shape ``(n_cells,)``; seeds are the highest of their group.

        Parameters
        ----------
        points
            Coordinates, shape ``(n_cells, n_dims)``.
        groups
            Number of the type of each cell, shape ``(n_cells,)``; all 0 without labels.
        quotas
            Seeds that each group will give, shape ``(n_groups,)``.
        """

    def select(self, adata: ad.AnnData, n: int) -> Seeds:
        """Pick ``n`` distinct cells; see :class:`scgarage.seeds.SeedSelector`.

        Raises
        ------
        InputError
            When ``n`` is out of range, ``labels_key`` or ``use_rep`` is given and missing, or ``X`` holds counts while
            components are to be fitted.
        """
        check_n_seeds(adata, n)
        types = self._types(adata)
        labels = None if types is None else types.names[types.codes]
        points = points_of(adata, self.use_rep, labels=labels, random_state=self.random_state)
        groups = np.zeros(adata.n_obs, dtype=np.int64) if types is None else types.codes
        quotas = np.array([n]) if types is None else self._quotas(types, n)
        scores = self.scores(points, groups, quotas)
        indices = top_per_type(groups, scores, quotas, np.random.default_rng(self.random_state))
        return Seeds(indices, scores, {} if types is None else types.describe(indices))

    def _types(self, adata: ad.AnnData) -> CellTypes | None:
        if self.labels_key is None:
            return None
        return CellTypes.read(
            adata, self.labels_key, purpose="quotas",
            rare_fraction=self.rare_fraction, rare_threshold=self.rare_threshold,
        )  # fmt: skip

    def _quotas(self, types: CellTypes, n: int) -> NDArray[np.int64]:
        return type_quotas(
            types.counts,
            n,
            power=self.power,
            rare_boost=self.rare_boost,
            rare=types.rare,
            minimum=self.minimum,
        )
