"""Random cells, whatever their type."""

from dataclasses import dataclass

import anndata as ad
import numpy as np

from scgarage.seeds.base import Seeds, check_n_seeds, top_cells
from scgarage.seeds.cell_types import CellTypes

__all__ = ["RandomSelector"]


@dataclass(frozen=True)
class RandomSelector:
    """Cells drawn uniformly without replacement; needs no cell types.

    Attributes
    ----------
    labels_key
        Column of ``obs`` with the cell types, for the diagnostics only; ``None`` goes without.
    rare_fraction, rare_threshold
        When a type is rare, for the diagnostics; see :func:`scgarage.seeds.rare_types`.
    random_state
        Seed.

    Examples
    --------
    >>> import numpy as np, anndata as ad
    >>> RandomSelector().select(ad.AnnData(np.zeros((10, 1))), 3)
    Seeds(3 of 10 cells)
    """

    labels_key: str | None = None
    rare_fraction: float = 0.05
    rare_threshold: int | None = None
    random_state: int = 0

    def select(self, adata: ad.AnnData, n: int) -> Seeds:
        """Pick ``n`` distinct cells; see :class:`scgarage.seeds.SeedSelector`.

        The scores are random numbers in [0, 1).

        Raises
        ------
        InputError
            When ``n`` is out of range or ``labels_key`` is given and missing.
        """
        check_n_seeds(adata, n)
        rng = np.random.default_rng(self.random_state)
        scores = rng.random(adata.n_obs)
        indices = top_cells(scores, n, rng)
        if self.labels_key is None:
            return Seeds(indices, scores)
        types = CellTypes.read(
            adata, self.labels_key, purpose="the diagnostics",
            rare_fraction=self.rare_fraction, rare_threshold=self.rare_threshold,
        )  # fmt: skip
        return Seeds(indices, scores, types.describe(indices))
