"""The published selection: the cells of highest score, whatever their type."""

from dataclasses import dataclass, field

import anndata as ad
import numpy as np

from scgarage.seeds.attention import attention_scores
from scgarage.seeds.base import Seeds, check_n_seeds, top_cells
from scgarage.seeds.gat import GATSettings

__all__ = ["GlobalTopSelector"]


@dataclass(frozen=True)
class GlobalTopSelector:
    """The cells that send most attention, without quotas: any type may be left without a seed.

    Attributes
    ----------
    labels_key
        Column of ``obs`` with the cell types, which the network learns; without, it learns communities.
    use_rep
        Slot of ``obsm`` that the neighbour graph is built on.
    gat
        Network and training.
    rare_fraction, rare_threshold
        When a type is rare, see :func:`scgarage.seeds.rare_types`.
    random_state
        Seed.

    References
    ----------
    Ganguly et al., bioRxiv 2025, doi:10.1101/2025.09.28.679012.
    """

    labels_key: str | None = None
    use_rep: str = "X_pca"
    gat: GATSettings = field(default_factory=GATSettings)
    rare_fraction: float = 0.05
    rare_threshold: int | None = None
    random_state: int = 0

    def select(self, adata: ad.AnnData, n: int) -> Seeds:
        """Pick ``n`` distinct cells; see :class:`scgarage.seeds.SeedSelector`.

        Raises
        ------
        InputError
            When ``n`` is out of range, or as :func:`scgarage.seeds.attention_scores`.
        """
        check_n_seeds(adata, n)
        attention = attention_scores(
            adata, labels_key=self.labels_key, use_rep=self.use_rep, settings=self.gat,
            rare_fraction=self.rare_fraction, rare_threshold=self.rare_threshold,
            random_state=self.random_state,
        )  # fmt: skip
        indices = top_cells(attention.scores, n, np.random.default_rng(self.random_state))
        rare = {} if self.labels_key is None else attention.types.describe(indices)
        return Seeds(indices, attention.scores, attention.diagnostics | rare, attention.history)
