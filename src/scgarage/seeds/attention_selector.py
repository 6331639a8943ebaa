"""The selector that picks the cells of each type that send most attention."""

from dataclasses import dataclass, field

import anndata as ad
import numpy as np

from scgarage.seeds.allocation import top_per_type, type_quotas
from scgarage.seeds.attention import attention_scores
from scgarage.seeds.base import Seeds, check_n_seeds, top_cells
from scgarage.seeds.gat import GATSettings

__all__ = ["AttentionSelector"]


@dataclass(frozen=True)
class AttentionSelector:
    """Quotas per cell type, filled with the cells that send most attention.

    Most of the score is the number of cells that list a cell as their neighbour, and it finds rare cells no better than
    chance; the quotas give rare types their seeds (docs/research/log.md).

    Attributes
    ----------
    labels_key
        Column of ``obs`` with the cell types; without, the network learns communities and the highest scores of all
        cells are taken.
    use_rep
        Slot of ``obsm`` that the neighbour graph is built on; ``None`` for components of ``X`` in which every type
        counts the same.
    gat
        Network and training.
    correct_degree
        Whether to take the number of cells that list a cell out of its score, see
        :func:`scgarage.seeds.attention_scores`.
    power, rare_boost, minimum
        Quotas, see :func:`scgarage.seeds.type_quotas`.
    rare_fraction, rare_threshold
        When a type is rare, see :func:`scgarage.seeds.rare_types`.
    random_state
        Seed.

    References
    ----------
    Ganguly et al., bioRxiv 2025, doi:10.1101/2025.09.28.679012.
    """

    labels_key: str | None = None
    use_rep: str | None = "X_pca"
    gat: GATSettings = field(default_factory=GATSettings)
    power: float = 1.0
    rare_boost: float = 2.0
    minimum: int = 1
    rare_fraction: float = 0.05
    rare_threshold: int | None = None
    random_state: int = 0
    correct_degree: bool = False

    def select(self, adata: ad.AnnData, n: int) -> Seeds:
        """Pick ``n`` distinct cells; see :class:`scgarage.seeds.SeedSelector`.

        Raises
        ------
        InputError
            When ``n`` is out of range, or as :func:`attention_scores`.
        """
        check_n_seeds(adata, n)
        attention = attention_scores(
            adata, labels_key=self.labels_key, use_rep=self.use_rep, settings=self.gat,
            rare_fraction=self.rare_fraction, rare_threshold=self.rare_threshold,
            random_state=self.random_state, correct_degree=self.correct_degree,
        )  # fmt: skip
        types, scores = attention.types, attention.scores
        rng = np.random.default_rng(self.random_state)
        if self.labels_key is None:
            return Seeds(top_cells(scores, n, rng), scores, attention.diagnostics, attention.history)
        quotas = type_quotas(
            types.counts,
            n,
            power=self.power,
            rare_boost=self.rare_boost,
            rare=types.rare,
            minimum=self.minimum,
        )
        indices = top_per_type(types.codes, scores, quotas, rng)
        return Seeds(indices, scores, attention.diagnostics | types.describe(indices), attention.history)
