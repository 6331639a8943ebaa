"""Random cells of every type: what attention has to beat."""

from dataclasses import dataclass

import anndata as ad
import numpy as np

from scgarage.seeds.allocation import top_per_type, type_quotas
from scgarage.seeds.base import Seeds, check_n_seeds
from scgarage.seeds.cell_types import CellTypes

__all__ = ["StratifiedSelector"]


@dataclass(frozen=True)
class StratifiedSelector:
    """The quotas of :class:`scgarage.seeds.AttentionSelector`, filled at random.

    Attributes
    ----------
    labels_key
        Column of ``obs`` with the cell types.
    power, rare_boost, minimum
        Quotas, see :func:`scgarage.seeds.type_quotas`.
    rare_fraction, rare_threshold
        When a type is rare, see :func:`scgarage.seeds.rare_types`.
    random_state
        Seed.

    Examples
    --------
    >>> import numpy as np, anndata as ad
    >>> adata = ad.AnnData(np.zeros((100, 1)))
    >>> adata.obs["cell_type"] = ["T"] * 97 + ["pDC"] * 3
    >>> seeds = StratifiedSelector(labels_key="cell_type").select(adata, 10)
    >>> adata.obs["cell_type"].iloc[seeds.indices].value_counts().to_dict()
    {'T': 9, 'pDC': 1}
    """

    labels_key: str | None = None
    power: float = 1.0
    rare_boost: float = 2.0
    minimum: int = 1
    rare_fraction: float = 0.05
    rare_threshold: int | None = None
    random_state: int = 0

    def select(self, adata: ad.AnnData, n: int) -> Seeds:
        """Pick ``n`` distinct cells; see :class:`scgarage.seeds.SeedSelector`.

        The scores are random numbers in [0, 1).

        Raises
        ------
        InputError
            When ``n`` is out of range or cell types are missing.
        """
        check_n_seeds(adata, n)
        types = CellTypes.read(
            adata, self.labels_key, purpose="stratified seeds",
            rare_fraction=self.rare_fraction, rare_threshold=self.rare_threshold,
        )  # fmt: skip
        rng = np.random.default_rng(self.random_state)
        scores = rng.random(adata.n_obs)
        quotas = type_quotas(
            types.counts,
            n,
            power=self.power,
            rare_boost=self.rare_boost,
            rare=types.rare,
            minimum=self.minimum,
        )
        indices = top_per_type(types.codes, scores, quotas, rng)
        return Seeds(indices, scores, types.describe(indices))
