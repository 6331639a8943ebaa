"""Which training cells the factors are fitted on, and which of them are seeds."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["at_most", "choose_seeds"]


def choose_seeds(codes: NDArray[np.int64], seeds: str, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the rows of the seed cells.

    Parameters
    ----------
    codes
        Stratum of each cell, (n_cells,).
    seeds
        ``"all"``, ``"none"``, or ``"stratified"``: a share of each stratum at random, three cells at least.
    share
        Share of the cells of a stratum.
    rng
        Source of randomness.
    """
    if seeds == "all":
        return np.arange(len(codes))
    if seeds == "none":
        return np.empty(0, dtype=np.int64)
    chosen = []
    for code in np.unique(codes):
        own = rng.permutation(np.flatnonzero(codes == code))
        chosen.append(own[: max(3, round(share * len(own)))])
    return np.sort(np.concatenate(chosen))


def at_most(codes: NDArray[np.int64], limit: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the rows of at most ``limit`` cells; strata give up cells in proportion, but keep 200 each.

    Parameters
    ----------
    codes
        Stratum of each cell, (n_cells,).
    limit
        Number of cells that is not to be passed by much.
    rng
        Source of randomness.
    """
    if len(codes) <= limit:
        return np.arange(len(codes))
    sizes = np.bincount(codes)
    share = limit / len(codes)
    kept = [
        rng.permutation(np.flatnonzero(codes == code))[: max(min(200, size), round(share * size))]
        for code, size in enumerate(sizes)
        if size
    ]
    return np.sort(np.concatenate(kept))
