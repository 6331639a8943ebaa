"""Membership inference by the distance to the nearest synthetic cell."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scgarage.metrics.checks import check_points
from scgarage.metrics.neighbours import nearest_distance

__all__ = ["distance_attack"]


def distance_attack(cells: ArrayLike, synthetic: ArrayLike, reference: ArrayLike | None = None) -> NDArray[np.float64]:
    r"""Score each real cell by how near the nearest synthetic cell is.

    .. math:: s(x) = - \min_j \lVert x - y_j \rVert

    Parameters
    ----------
    cells
        Coordinates of the attacked cells, (n_cells, n_dims).
    synthetic
        Coordinates of synthetic cells, (n_synthetic, n_dims).
    reference
        Not used; here so that all attacks are called alike.

    Returns
    -------
    numpy.ndarray
        Scores, (n_cells,): the higher, the more the attack takes the cell for a member.

    Raises
    ------
    InputError
        If the arrays cannot be compared.

    References
    ----------
    Chen et al., GAN-Leaks: a taxonomy of membership inference attacks against generative models, 2020,
    doi:10.1145/3372297.3417238 (full black-box attack).

    Examples
    --------
    >>> distance_attack([[0.0, 0.0], [3.0, 4.0]], [[0.0, 0.0]]).tolist()
    [-0.0, -5.0]
    """
    del reference
    cells, synthetic = check_points(cells=cells, synthetic=synthetic)
    return np.asarray(-nearest_distance(cells, synthetic))
