"""What a seed selector returns, and what it must offer."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scgarage.errors import InputError

__all__ = ["SeedSelector", "Seeds", "check_n_seeds", "top_cells"]


@dataclass(frozen=True, eq=False)
class Seeds:
    """Cells picked to guide a generator.

    Attributes
    ----------
    indices
        Row numbers of the seeds, int64, shape ``(n_seeds,)``, distinct, highest score first.
    scores
        Score of every cell, picked or not, float64, shape ``(n_cells,)``, finite.
    diagnostics
        Numbers that say how the selection came about, by name; ``NaN`` where one is not defined.
    history
        Training history of the network behind the scores; empty for selectors without one.

    Raises
    ------
    InputError
        When an index occurs twice or is out of range, or a score is not finite.
    """

    indices: NDArray[np.int64]
    scores: NDArray[np.float64]
    diagnostics: dict[str, float] = field(default_factory=dict)
    history: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"step": []}))

    def __post_init__(self) -> None:
        if not np.isfinite(self.scores).all():
            msg = f"seed scores must be finite; {int((~np.isfinite(self.scores)).sum())} are not"
            raise InputError(msg)
        in_range = ((self.indices >= 0) & (self.indices < len(self.scores))).all()
        if not in_range or len(np.unique(self.indices)) < len(self.indices):
            msg = f"seed indices must be distinct row numbers below {len(self.scores)}"
            raise InputError(msg)

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return f"Seeds({len(self.indices)} of {len(self.scores)} cells)"


@runtime_checkable
class SeedSelector(Protocol):
    """Picks seed cells; everything but the data and the number of seeds is a field of the selector."""

    def select(self, adata: ad.AnnData, n: int) -> Seeds:
        """Pick ``n`` distinct cells.

        Parameters
        ----------
        adata
            Training cells: log1p CP10k of the highly variable genes in ``X``, shape ``(n_cells, n_genes)``,
            principal components in ``obsm``, cell types in ``obs`` where the selector needs them. Not
            changed.
        n
            Number of seeds.
        """
        ...


def check_n_seeds(adata: ad.AnnData, n: int) -> None:
    """Refuse a number of seeds that the data cannot give.

    Raises
    ------
    InputError
        When ``n`` is below one or above the number of cells.
    """
    if not 1 <= n <= adata.n_obs:
        msg = f"the number of seeds must lie between 1 and {adata.n_obs}, the number of cells; found {n}"
        raise InputError(msg)


def top_cells(scores: NDArray[np.float64], n_cells: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the row numbers of the highest scores, highest first; ties are broken at random.

    Parameters
    ----------
    scores
        Shape ``(n,)``.
    n_cells
        How many to return, at most ``n``.
    rng
        Orders equal scores, which would otherwise favour the first rows of the data.

    Examples
    --------
    >>> import numpy as np
    >>> top_cells(np.array([0.1, 0.9, 0.5]), 2, np.random.default_rng(0)).tolist()
    [1, 2]
    """
    order = np.lexsort((rng.random(len(scores)), -scores))
    return order[:n_cells].astype(np.int64)
