"""Local inverse Simpson's index: how many labels a cell's neighbourhood holds."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.neighbors import NearestNeighbors

from scgarage.errors import InputError
from scgarage.metrics.checks import check_labels, check_points

__all__ = ["lisi", "mixing", "separation"]

N_HALVINGS = 50


def lisi(points: ArrayLike, labels: ArrayLike, *, perplexity: float = 30.0) -> NDArray[np.float64]:
    r"""Return the effective number of labels in the neighbourhood of each cell.

    .. math::

        \mathrm{LISI}_i = \Big(\sum_b p_i(b)^2\Big)^{-1}, \qquad p_i(b) = \sum_{j : l_j = b} w_{ij}, \qquad
        w_{ij} \propto \exp(-\beta_i d_{ij}^2)

    over the :math:`3 P` nearest neighbours, with :math:`\beta_i` such that the entropy of the weights is
    :math:`\log P`.

    Parameters
    ----------
    points
        Coordinates of cells, (n_cells, n_dims).
    labels
        Batch or type of each cell, (n_cells,).
    perplexity
        Effective number :math:`P` of neighbours; cut to a third of the other cells.

    Returns
    -------
    numpy.ndarray
        In [1, n_labels], (n_cells,), float64: iLISI for batches (higher is better mixed), cLISI for types (1 is
        separate).

    Raises
    ------
    InputError
        If there are fewer than 10 cells, they are not finite or there is not one label for each.

    References
    ----------
    Korsunsky et al., Harmony, Nature Methods 2019, doi:10.1038/s41592-019-0619-0. Scaling to [0, 1]: Luecken et al.,
    Nature Methods 2022, doi:10.1038/s41592-021-01336-8.

    Examples
    --------
    >>> cells = np.random.default_rng(0).normal(size=(50, 2))
    >>> bool(np.allclose(lisi(cells, ["one"] * 50), 1))
    True
    """
    (points,) = check_points(10, points=points)
    names = check_labels("labels", labels)
    if len(names) != len(points):
        msg = f"labels has {len(names)} entries for {len(points)} cells; expected one for each"
        raise InputError(msg)
    target = min(perplexity, (len(points) - 1) / 3)
    if not target > 1:
        msg = f"perplexity must be above 1; found {perplexity}"
        raise InputError(msg)
    n_near = min(int(3 * target), len(points) - 1)
    distances, near = NearestNeighbors(n_neighbors=n_near).fit(points).kneighbors()
    weights = _weights(distances**2, np.log(target))
    codes = np.unique(names, return_inverse=True)[1]
    shares = np.stack([(weights * (codes[near] == code)).sum(axis=1) for code in range(codes.max() + 1)])
    result: NDArray[np.float64] = 1 / (shares**2).sum(axis=0)
    return result


def _weights(squared: NDArray[np.float64], entropy: float) -> NDArray[np.float64]:
    """Return weights of neighbours whose entropy is as wanted, by bisection of the logarithm of the precision."""
    scaled = (squared - squared[:, :1]) / np.maximum(squared.mean(axis=1, keepdims=True), 1e-300)
    low, high = np.full((len(squared), 1), -20.0), np.full((len(squared), 1), 20.0)
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        weights = np.exp(-np.exp(middle) * scaled)
        weights /= weights.sum(axis=1, keepdims=True)
        found = -(weights * np.log(np.maximum(weights, 1e-300))).sum(axis=1, keepdims=True)
        low, high = np.where(found > entropy, middle, low), np.where(found > entropy, high, middle)
    result: NDArray[np.float64] = weights
    return result


def mixing(points: ArrayLike, batches: ArrayLike, *, perplexity: float = 30.0) -> float:
    """Return the median iLISI scaled to [0, 1]: 0 when neighbours share the batch, 1 when all batches are equally near.

    Arguments as in :func:`lisi`. With batches of different sizes 1 cannot be reached.
    """
    n_batches = len(np.unique(check_labels("batches", batches)))
    if n_batches < 2:
        msg = f"mixing needs at least 2 batches; found {n_batches}"
        raise InputError(msg)
    return float((np.median(lisi(points, batches, perplexity=perplexity)) - 1) / (n_batches - 1))


def separation(points: ArrayLike, types: ArrayLike, *, perplexity: float = 30.0) -> float:
    """Return the median cLISI scaled to [0, 1]: 1 when neighbours share the type, 0 when all types are equally near.

    Arguments as in :func:`lisi`.
    """
    n_types = len(np.unique(check_labels("types", types)))
    if n_types < 2:
        msg = f"separation needs at least 2 types; found {n_types}"
        raise InputError(msg)
    return float((n_types - np.median(lisi(points, types, perplexity=perplexity))) / (n_types - 1))
