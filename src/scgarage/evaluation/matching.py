"""Samples with the same number of cells of each type on every side."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scgarage.evaluation.cells import Cells, Index
from scgarage.evaluation.null import NullGenerator, shuffled
from scgarage.evaluation.samples import Samples, sample_of
from scgarage.preprocess import Components

__all__ = ["MIN_MATCHED", "TYPE_LIMIT", "match_types"]

TYPE_LIMIT = 300
"""Cells of a type in a matched sample at most."""

MIN_MATCHED = 5
"""Fewest cells of a type on every side; with fewer the type is left out and its rows say so."""


def match_types(
    holdout: Cells, synthetic: Cells, train: Cells, null: NullGenerator, space: Components, rng: np.random.Generator
) -> Samples:
    """Draw as many held-out, synthetic, training and null cells of each type.

    Distances fall and fold changes steady as samples grow, so a type with many synthetic cells would look
    better than the floor, and one with few worse.

    Parameters
    ----------
    holdout, synthetic, train
        Cells to draw from.
    null
        Generator of independent genes.
    space
        Principal components.
    rng
        Source of the draws.

    Returns
    -------
    Samples
        Cells in the order of their types; nulls ``"poisson"`` and ``"shuffled"``. Types of which a side has
        fewer than :data:`MIN_MATCHED` cells are not among them, so the samples can be empty.
    """
    sides = [holdout, synthetic, train]
    sizes = _sizes([cells.labels for cells in sides])
    held, made, real = (cells.take(_rows(cells.labels, sizes, rng)) for cells in sides)
    return Samples(
        holdout=sample_of(held, space),
        synthetic=sample_of(made, space),
        floor=sample_of(real, space),
        nulls={
            "poisson": sample_of(null.of_types(real.labels, rng), space),
            "shuffled": sample_of(shuffled(real, rng), space),
        },
    )


def _sizes(labels: Sequence[NDArray[np.str_]]) -> dict[str, int]:
    """Return how many cells of each type every side can give."""
    counts = [dict(zip(*np.unique(side, return_counts=True), strict=True)) for side in labels]
    shared = {str(name): min(int(count.get(name, 0)) for count in counts) for name in counts[0]}
    return {name: min(n_cells, TYPE_LIMIT) for name, n_cells in shared.items() if n_cells >= MIN_MATCHED}


def _rows(labels: NDArray[np.str_], sizes: dict[str, int], rng: np.random.Generator) -> Index:
    """Draw rows of each type without repeats."""
    rows = [rng.permutation(np.flatnonzero(labels == name))[:n_cells] for name, n_cells in sizes.items()]
    return np.concatenate(rows) if rows else np.zeros(0, dtype=np.intp)
