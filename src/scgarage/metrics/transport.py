"""Exact Wasserstein distances by optimal transport."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from scgarage.errors import InputError
from scgarage.metrics.checks import check_points
from scgarage.metrics.metric import Metric

# POT's default of 100,000 pivots is too few for some pairs of 1,000-cell samples.
_MAX_PIVOTS = 5_000_000


def exact_wasserstein(real: ArrayLike, synthetic: ArrayLike, *, order: Literal[1, 2] = 1) -> float:
    r"""Return the Wasserstein distance of the given order between two sets of cells.

    .. math:: W_p(P, Q) = \Big(\min_\pi \sum_{ij} \pi_{ij} \lVert x_i - y_j \rVert^p\Big)^{1/p}

    where :math:`\pi` moves the equally weighted real cells :math:`x_i` to the equally weighted synthetic
    cells :math:`y_j` and the norm is Euclidean.

    Parameters
    ----------
    real
        Coordinates of real cells, (n_real, n_dims).
    synthetic
        Coordinates of synthetic cells, (n_synthetic, n_dims); the two numbers of cells may differ.
    order
        1 or 2.

    Returns
    -------
    float
        The distance, >= 0, in units of the coordinates. It falls as samples grow, so compare it only with
        samples of the same sizes.

    Raises
    ------
    InputError
        If the order is another one or the arrays are empty, not finite or have different numbers of columns.

    References
    ----------
    Peyre and Cuturi, Computational optimal transport, 2019, doi:10.1561/2200000073.

    Examples
    --------
    >>> import numpy as np
    >>> cells = np.random.default_rng(0).normal(size=(20, 2))
    >>> round(exact_wasserstein(cells, cells + [3.0, 4.0]), 6)
    5.0
    """
    import ot

    if order not in {1, 2}:
        msg = f"order is {order!r}; expected 1 or 2"
        raise InputError(msg)
    real, synthetic = check_points(real=real, synthetic=synthetic)
    cost = ot.dist(real, synthetic, metric="euclidean" if order == 1 else "sqeuclidean")
    moved = float(ot.emd2([], [], cost, numItermax=_MAX_PIVOTS))
    return float(np.maximum(moved, 0.0) ** (1 / order))


def wasserstein_1(real: ArrayLike, synthetic: ArrayLike) -> float:
    """Return :func:`exact_wasserstein` of order 1."""
    return exact_wasserstein(real, synthetic, order=1)


def wasserstein_2(real: ArrayLike, synthetic: ArrayLike) -> float:
    """Return :func:`exact_wasserstein` of order 2."""
    return exact_wasserstein(real, synthetic, order=2)


_REFERENCE = "Peyre and Cuturi 2019, doi:10.1561/2200000073"
_COST = "n^2 memory, about n^3 time"

WASSERSTEIN_1 = Metric(
    function=wasserstein_1,
    title="Wasserstein-1 distance",
    space="pca",
    better="lower",
    range=(0.0, float("inf")),
    null="poisson",
    profile="full",
    reference=_REFERENCE,
    cost=_COST,
)

WASSERSTEIN_2 = Metric(
    function=wasserstein_2,
    title="Wasserstein-2 distance",
    space="pca",
    better="lower",
    range=(0.0, float("inf")),
    null="poisson",
    profile="full",
    reference=_REFERENCE,
    cost=_COST,
)
