"""From a request to one stratum for each cell."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scgarage.models.garage.strata import Strata
from scgarage.models.spec import Wanted

__all__ = ["divide"]


def divide(
    wanted: Wanted, strata: Strata, types: Sequence[str], batches: Sequence[str], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the number of the stratum of each cell to make.

    A plain number is divided in the proportions of the training cells, as exactly as whole numbers allow: drawing each
    cell's type at random would move the proportions by chance (measured: 0.2 x the floor of the sliced Wasserstein
    distance). The cells then come in random order. Numbers by type are divided among batches in the same way, and come
    type by type.
    """
    if isinstance(wanted, int):
        return rng.permutation(_repeat(np.arange(len(strata.sizes)), strata.sizes, wanted, rng))
    parts = []
    for key, number in wanted.items():
        name, batch = key if isinstance(key, tuple) else (key, None)
        groups = np.flatnonzero(strata.parent == types.index(name))
        chosen = np.arange(strata.n_batches) if batch is None else np.array([batches.index(batch)])
        codes = (groups[:, None] * strata.n_batches + chosen).ravel()
        if len(codes) == 1:
            parts.append(np.full(number, codes[0]))
            continue
        parts.append(_repeat(codes, strata.sizes[codes], number, rng))
    return np.concatenate(parts)


def _repeat(
    codes: NDArray[np.int64], sizes: NDArray[np.int64], number: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Repeat each code in proportion to its size; what whole numbers leave over is drawn at random."""
    exact = number * sizes / sizes.sum()
    counts = np.floor(exact).astype(np.int64)
    rest = exact - counts
    left = number - int(counts.sum())
    if left:
        counts[rng.choice(len(codes), size=left, replace=False, p=rest / rest.sum())] += 1
    return np.repeat(codes, counts)
