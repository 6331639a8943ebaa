"""LoRAS: random affine combinations of noisy copies of neighbouring cells."""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from scgarage.errors import InputError

__all__ = ["loras"]


def loras(
    points: NDArray[np.floating], n_cells: int, *, n_neighbors: int = 5, noise: float = 0.005, random_state: int = 0
) -> NDArray[np.float64]:
    r"""Make cells of one type as convex combinations of shadow samples (localised random affine shadowsampling).

    .. math::
        \hat x = \sum_{m=1}^{M} w_m \, (x_{j_m} + \epsilon_m), \quad
        w \sim \mathrm{Dirichlet}(1, \dots, 1), \quad \epsilon_m \sim N(0, \sigma^2 I)

    :math:`x_{j_1}, \dots, x_{j_M}` are a random cell of the type and its nearest neighbours in the type, and
    :math:`x_{j_m} + \epsilon_m` their shadow samples. Against the paper two things are simpler: each neighbour
    gives exactly one shadow sample to a combination, drawn afresh rather than from a stored pool, and the
    weights are uniform on the simplex.

    Parameters
    ----------
    points
        Real cells of the type, (n_real, n_dims), for example log1p CP10k.
    n_cells
        Number of cells to make.
    n_neighbors
        Neighbours besides the cell itself; at most ``n_real - 1`` are used.
    noise
        Standard deviation of the shadow samples, :math:`\sigma`, in units of ``points``; the default is the
        paper's.
    random_state
        Seed.

    Returns
    -------
    numpy.ndarray
        New cells, (n_cells, n_dims), float64, in units of ``points``.

    Raises
    ------
    InputError
        If there are fewer than two real cells or an argument is out of range.

    References
    ----------
    Bej et al., LoRAS: an oversampling approach for imbalanced datasets, Machine Learning 2021,
    doi:10.1007/s10994-020-05913-4.

    Examples
    --------
    >>> corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> bool((loras(corners, 50, noise=0.0).sum(axis=1) <= 1).all())
    True
    """
    if len(points) < 2 or n_neighbors < 1 or n_cells < 0 or noise < 0:
        msg = (
            "LoRAS needs at least 2 real cells, n_neighbors >= 1, n_cells >= 0 and noise >= 0; found "
            f"{len(points)}, {n_neighbors}, {n_cells} and {noise}"
        )
        raise InputError(msg)
    rng = np.random.default_rng(random_state)
    n_combined = min(n_neighbors + 1, len(points))
    neighbours = NearestNeighbors(n_neighbors=n_combined).fit(points).kneighbors(points, return_distance=False)
    chosen = neighbours[rng.integers(len(points), size=n_cells)]
    weights = rng.dirichlet(np.ones(n_combined), size=n_cells)
    made = np.zeros((n_cells, points.shape[1]))
    for member in range(n_combined):
        shadow = points[chosen[:, member]] + rng.normal(0.0, noise, size=made.shape)
        made += weights[:, [member]] * shadow
    return made
