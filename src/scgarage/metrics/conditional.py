"""Distances within each type."""

import numpy as np
from numpy.typing import ArrayLike

from scgarage.metrics.by_type import check_typed, nothing, pairs
from scgarage.metrics.checks import Points
from scgarage.metrics.metric import Metric
from scgarage.metrics.sliced import sliced_wasserstein
from scgarage.metrics.transport import exact_wasserstein

MAX_CELLS = 300
"""Cells of a type in an exact transport at most."""


def type_sliced_wasserstein(
    real: ArrayLike,
    real_labels: ArrayLike,
    synthetic: ArrayLike,
    synthetic_labels: ArrayLike,
    *,
    n_directions: int = 200,
    random_state: int = 0,
) -> dict[str, float]:
    r"""Return for each type the sliced Wasserstein-1 distance between its real and its synthetic cells.

    .. math:: SW_1(P_t, Q_t)

    with :func:`~scgarage.metrics.sliced_wasserstein` and the cells :math:`P_t` and :math:`Q_t` of type :math:`t`.

    Parameters
    ----------
    real
        Coordinates of real cells, (n_real, n_dims).
    real_labels
        Type of each real cell, (n_real,).
    synthetic
        Coordinates of synthetic cells, (n_synthetic, n_dims).
    synthetic_labels
        Type of each synthetic cell, (n_synthetic,).
    n_directions
        Number of random directions, the same for all types.
    random_state
        Seed of the directions.

    Returns
    -------
    dict
        Distance by real type, >= 0, in units of the coordinates; NaN for a type without synthetic cells. It
        falls as samples grow, so compare it only with samples of the same sizes.

    Raises
    ------
    InputError
        If the arrays cannot be compared or do not fit the labels.

    References
    ----------
    Bonneel et al., Sliced and Radon Wasserstein barycenters of measures, 2015, doi:10.1007/s10851-014-0506-3.

    Examples
    --------
    >>> cells, labels = [[0.0, 3.0], [2.0, 1.0]], ["B", "T"]
    >>> type_sliced_wasserstein(cells, labels, cells, ["B", "B"])["T"]
    nan
    """
    sides = check_typed(real, real_labels, synthetic, synthetic_labels)
    options = {"n_directions": n_directions, "random_state": random_state}
    return nothing(sides[0][1]) | {name: sliced_wasserstein(x, y, **options) for name, x, y in pairs(*sides)}


def type_wasserstein_2(
    real: ArrayLike,
    real_labels: ArrayLike,
    synthetic: ArrayLike,
    synthetic_labels: ArrayLike,
    *,
    max_cells: int = MAX_CELLS,
    random_state: int = 0,
) -> dict[str, float]:
    """Return for each type the exact Wasserstein-2 distance between its real and its synthetic cells.

    Parameters
    ----------
    real
        Coordinates of real cells, (n_real, n_dims).
    real_labels
        Type of each real cell, (n_real,).
    synthetic
        Coordinates of synthetic cells, (n_synthetic, n_dims).
    synthetic_labels
        Type of each synthetic cell, (n_synthetic,).
    max_cells
        Cells of a type at most on each side; of more, as many are drawn.
    random_state
        Seed of that draw.

    Returns
    -------
    dict
        Distance by real type, >= 0, in units of the coordinates; NaN for a type without synthetic cells. It
        falls as samples grow, so compare it only with samples of the same sizes.

    Raises
    ------
    InputError
        If the arrays cannot be compared or do not fit the labels.

    References
    ----------
    Peyre and Cuturi, Computational optimal transport, 2019, doi:10.1561/2200000073.
    """
    sides = check_typed(real, real_labels, synthetic, synthetic_labels)
    rng = np.random.default_rng(random_state)
    return nothing(sides[0][1]) | {
        name: exact_wasserstein(_some(x, max_cells, rng), _some(y, max_cells, rng), order=2)
        for name, x, y in pairs(*sides)
    }


def _some(cells: Points, max_cells: int, rng: np.random.Generator) -> Points:
    return cells if len(cells) <= max_cells else cells[rng.permutation(len(cells))[:max_cells]]


TYPE_SLICED_WASSERSTEIN = Metric(
    function=type_sliced_wasserstein,
    title="Within types: sliced Wasserstein distance",
    space="pca",
    given="typed pca",
    better="lower",
    range=(0.0, float("inf")),
    null="shuffled",
    groups="types",
    matched=True,
    profile="full",
    reference="Bonneel et al. 2015, doi:10.1007/s10851-014-0506-3",
    cost="n log n",
    stochastic=True,
)

TYPE_WASSERSTEIN_2 = Metric(
    function=type_wasserstein_2,
    title="Within types: Wasserstein-2 distance",
    space="pca",
    given="typed pca",
    better="lower",
    range=(0.0, float("inf")),
    null="shuffled",
    groups="types",
    matched=True,
    profile="full",
    reference="Peyre and Cuturi 2019, doi:10.1561/2200000073",
    cost="about n^3 of a type, at most 300 cells",
    stochastic=True,
)
