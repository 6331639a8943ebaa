"""A subsample that covers dense and sparse regions alike."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["neighbour_subsample"]


def neighbour_subsample(neighbours: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Walk the cells, keep a cell that was not dropped and drop its nearest neighbours.

    A cell that was kept is not dropped any more. The walk is done in rounds: a cell is decided as soon as all earlier
    cells that list it as a neighbour are, so the result is that of the walk one by one.

    Parameters
    ----------
    neighbours
        Numbers of the nearest cells of each cell, ``(n_cells, n_neighbors)``.
    order
        The cells in the order of the walk, ``(n_cells,)``.

    Returns
    -------
    Row numbers of the kept cells, sorted, int64.

    References
    ----------
    Lall, Ray & Bandyopadhyay, Communications Biology 2022, doi:10.1038/s42003-022-03473-y; the rule as the baseline of
    the GARAGE paper has it.

    Examples
    --------
    >>> neighbour_subsample(np.array([[1], [0], [1], [2]]), np.arange(4)).tolist()
    [0, 2, 3]
    """
    n_cells = len(neighbours)
    place = np.empty(n_cells, dtype=np.int64)
    place[order] = np.arange(n_cells)
    source = np.repeat(np.arange(n_cells), neighbours.shape[1])
    target = neighbours.ravel()
    earlier = place[source] < place[target]
    source, target = source[earlier], target[earlier]
    kept, open_ = np.zeros(n_cells, dtype=bool), np.ones(n_cells, dtype=bool)
    while open_.any():
        dropped = np.bincount(target[kept[source]], minlength=n_cells) > 0
        waiting = np.bincount(target[open_[source]], minlength=n_cells) > 0
        kept |= open_ & ~dropped & ~waiting
        open_ &= ~dropped & ~kept
    return np.flatnonzero(kept)
