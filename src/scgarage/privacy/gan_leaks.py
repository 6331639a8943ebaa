"""Calibrated GAN-leaks: the distance attack minus how unusual a cell is anyway."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scgarage.metrics.checks import check_points
from scgarage.metrics.neighbours import nearest_distance

__all__ = ["gan_leaks"]


def gan_leaks(cells: ArrayLike, synthetic: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    r"""Score each real cell by how much nearer it lies to synthetic cells than to reference cells.

    .. math:: s(x) = \min_k \lVert x - r_k \rVert - \min_j \lVert x - y_j \rVert

    The published attack calibrates with the samples of a second generator, trained on other data; real
    cells of the same population, which an attacker may have too, serve the same purpose without one.

    Parameters
    ----------
    cells
        Coordinates of the attacked cells, (n_cells, n_dims).
    synthetic
        Coordinates of synthetic cells, (n_synthetic, n_dims).
    reference
        Coordinates of real cells that are neither attacked nor training cells, (n_reference, n_dims).

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
    doi:10.1145/3372297.3417238 (attack calibration).

    Examples
    --------
    >>> gan_leaks([[0.0]], [[1.0]], [[5.0]]).tolist()
    [4.0]
    """
    cells, synthetic, reference = check_points(cells=cells, synthetic=synthetic, reference=reference)
    return np.asarray(nearest_distance(cells, reference) - nearest_distance(cells, synthetic))
