"""How far seed cells must be moved before nothing tells them from cells that were never seen."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from scgarage.models.garage.latent import Latent

__all__ = ["choose_jitter"]

MIN_VALIDATION = 200
"""With fewer validation cells too little can be said, and the seeds are moved as far as can be (measured: 0.85, chosen
by 74 cells, failed an audit that 1 passed)."""

ALLOWED = 0.52
"""Share of positions nearer to training than to validation cells that passes."""


def choose_jitter(
    latent: Latent,
    validation: NDArray[np.float32] | None,
    candidates: Sequence[float],
    rng: np.random.Generator,
) -> float:
    """Return the smallest jitter at which positions are no nearer to training than to validation cells.

    Parameters
    ----------
    latent
        The latent distribution.
    validation
        Positions of validation cells, (n_validation, n_dims), or ``None``.
    candidates
        Jitters to choose from, the smallest first; the last one is the answer when none passes.
    rng
        Source of the draws.
    """
    if validation is None or len(validation) < MIN_VALIDATION or not len(latent.seeds):
        return float(candidates[-1])
    scale, train = latent.scale(), latent.positions
    n_cells = min(len(train), len(validation))
    shares: dict[float, list[float]] = {jitter: [] for jitter in candidates[:-1]}
    for _ in range(5):
        known = rng.permutation(len(train))[:n_cells]
        unseen = validation[rng.permutation(len(validation))[:n_cells]]
        held = NearestNeighbors(n_neighbors=1).fit(unseen / scale)
        near = NearestNeighbors(n_neighbors=1).fit(train[known] / scale)
        for jitter, found in shares.items():
            # Of these cells themselves: others' positions are near to neither set.
            drawn = latent.around(known, jitter, rng) / scale
            to_train, to_held = near.kneighbors(drawn)[0], held.kneighbors(drawn)[0]
            found.append(float(np.mean(to_train < to_held)))
    for jitter, found in shares.items():
        if np.mean(found) <= ALLOWED:
            return float(jitter)
    return float(candidates[-1])
