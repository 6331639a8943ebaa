"""Samples of cells in every form that a metric may ask for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scgarage.evaluation.cells import Cells
from scgarage.metrics.metric import Null
from scgarage.preprocess import Components

__all__ = ["Sample", "Samples", "sample_of"]


@dataclass(frozen=True)
class Sample:
    """Cells in every form that a metric may ask for.

    Attributes
    ----------
    points
        Principal components, (n_cells, n_pcs).
    log_expr
        log1p CP10k of the selected genes, (n_cells, n_selected).
    labels
        Types, (n_cells,).
    totals
        Counts over all genes, (n_cells,); ``None`` where no counts are known.
    """

    points: NDArray[np.float32]
    log_expr: NDArray[np.float32]
    labels: NDArray[np.str_]
    totals: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Samples:
    """Held-out cells and what is compared with them.

    Attributes
    ----------
    holdout
        Held-out real cells.
    synthetic, floor
        As many synthetic and as many real training cells.
    nulls
        As many cells of each null generator.
    """

    holdout: Sample
    synthetic: Sample
    floor: Sample
    nulls: dict[Null, Sample]


def sample_of(cells: Cells, space: Components) -> Sample:
    """Return cells in every form."""
    return Sample(space.transform(cells.log_expr), cells.log_expr.toarray(), cells.labels, cells.totals)
