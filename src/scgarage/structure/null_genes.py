"""A null generator for some of its genes."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scgarage.evaluation.null import NormalNull, NullGenerator, PoissonNull

__all__ = ["narrow_null"]


def narrow_null(null: NullGenerator, genes: NDArray[np.integer[Any]]) -> NullGenerator:
    """Return the null generator of some genes; library sizes stay those over all genes.

    Parameters
    ----------
    null
        Generator of all genes.
    genes
        Positions of the genes to keep, (n_selected,).
    """
    if isinstance(null, PoissonNull):
        kept = null.means[:, genes]
        return replace(null, means=kept, rest=np.maximum(null.rest + null.means.sum(axis=1) - kept.sum(axis=1), 0.0))
    if isinstance(null, NormalNull):
        return replace(null, means=null.means[:, genes], deviations=null.deviations[:, genes])
    return null
