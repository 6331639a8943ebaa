"""Distances between real and synthetic cells, over all and within types."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import pdist
from sklearn.metrics.pairwise import euclidean_distances

from scgarage.errors import InputError
from scgarage.metrics.metric import Metric, Points, check_points, check_typed, nothing, pairs


def sliced_wasserstein(
    real: ArrayLike, synthetic: ArrayLike, *, n_directions: int = 500, random_state: int = 0
) -> float:
    r"""Return the sliced Wasserstein-1 distance between two sets of cells.

    .. math:: SW_1(P, Q) = E_\theta \, W_1(\theta^T P, \theta^T Q)

    where the directions :math:`\theta` are uniform on the unit sphere and :math:`W_1` is the one-dimensional
    Wasserstein distance of the projections.

    Parameters
    ----------
    real
        Coordinates of real cells, (n_real, n_dims).
    synthetic
        Coordinates of synthetic cells, (n_synthetic, n_dims); the two numbers of cells may differ.
    n_directions
        Number of random directions.
    random_state
        Seed of the directions.

    Returns
    -------
    float
        The distance, >= 0, in units of the coordinates.

    Raises
    ------
    InputError
        If the arrays are empty, not finite or have different numbers of columns.

    References
    ----------
    Bonneel et al., Sliced and Radon Wasserstein barycenters of measures, 2015, doi:10.1007/s10851-014-0506-3.
    Flamary et al., POT: Python Optimal Transport, 2021, https://jmlr.org/papers/v22/20-451.html.

    Examples
    --------
    >>> import numpy as np
    >>> cells = np.random.default_rng(0).normal(size=(50, 3))
    >>> sliced_wasserstein(cells, cells)
    0.0
    """
    import ot

    real, synthetic = check_points(real=real, synthetic=synthetic)
    distance = ot.sliced_wasserstein_distance(real, synthetic, n_projections=n_directions, p=1, seed=random_state)
    return float(distance)


SLICED_WASSERSTEIN = Metric(
    function=sliced_wasserstein,
    title="Sliced Wasserstein distance",
    space="pca",
    better="lower",
    range=(0.0, float("inf")),
    null="poisson",
    reference="Bonneel et al. 2015, doi:10.1007/s10851-014-0506-3",
    cost="n log n",
    stochastic=True,
)


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


_WIDEST = 4.0
_N_KERNELS = 5
"""Bandwidths: the median distance times 4, 2, 1, 1/2 and 1/4."""


def mmd2(real: ArrayLike, synthetic: ArrayLike) -> float:
    r"""Return the unbiased squared maximum mean discrepancy between two sets of cells.

    .. math::
        \frac{1}{n(n-1)} \sum_{i \ne i'} k(x_i, x_{i'}) + \frac{1}{m(m-1)} \sum_{j \ne j'} k(y_j, y_{j'})
        - \frac{2}{nm} \sum_{ij} k(x_i, y_j), \qquad
        k(a, b) = \frac{1}{5} \sum_s \exp\Big(-\frac{\lVert a - b \rVert^2}{2 (s h)^2}\Big)

    with :math:`s \in \{1/4, 1/2, 1, 2, 4\}` and :math:`h` the median distance between two of the real cells
    :math:`x_i`. The bandwidths come from the real cells alone, so that whatever is compared with them is
    measured on the same scale; pooled ones would widen with a bad generator.

    Parameters
    ----------
    real
        Coordinates of real cells, (n_real, n_dims).
    synthetic
        Coordinates of synthetic cells, (n_synthetic, n_dims); the two numbers of cells may differ.

    Returns
    -------
    float
        At most 2, with expectation 0 for two samples of one population; chance takes it below 0.

    Raises
    ------
    InputError
        If an array has fewer than 2 cells or they cannot be compared.

    References
    ----------
    Gretton et al., A kernel two-sample test, 2012, https://jmlr.org/papers/v13/gretton12a.html (lemma 6).

    Examples
    --------
    >>> import numpy as np
    >>> cells = np.random.default_rng(0).normal(size=(80, 3))
    >>> bool(abs(mmd2(cells[:40], cells[40:])) < 0.05 < mmd2(cells[:40], cells[40:] + 2))
    True
    """
    real, synthetic = check_points(2, real=real, synthetic=synthetic)
    # Single genes or few distinct cells can have a median of 0; any width then tells equal from unequal.
    median = float(np.median(pdist(real))) or 1.0
    n, m = len(real), len(synthetic)
    among_real = (_kernel_sum(real, real, median) - n) / (n * (n - 1))
    among_synthetic = (_kernel_sum(synthetic, synthetic, median) - m) / (m * (m - 1))
    return among_real + among_synthetic - 2 * _kernel_sum(real, synthetic, median) / (n * m)


def _kernel_sum(cells: Points, others: Points, median: float) -> float:
    """Return the sum of the kernel over all pairs; a cell with itself counts exactly 1."""
    squares = euclidean_distances(cells, others, squared=True)
    if cells is others:
        np.fill_diagonal(squares, 0.0)
    kernel: NDArray[np.float64] = np.exp(-squares / (2 * (_WIDEST * median) ** 2))
    total = kernel.sum()
    for _ in range(_N_KERNELS - 1):
        # Half the bandwidth is the fourth power, far cheaper than another exponential.
        kernel *= kernel
        kernel *= kernel
        total += kernel.sum()
    return float(total / _N_KERNELS)


MMD2 = Metric(
    function=mmd2,
    title="Maximum mean discrepancy, squared",
    space="pca",
    better="lower",
    range=(float("-inf"), 2.0),
    null="poisson",
    reference="Gretton et al. 2012, https://jmlr.org/papers/v13/gretton12a.html",
    cost="n^2 time and memory",
    min_cells=2,
)


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
