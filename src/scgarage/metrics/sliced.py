"""Sliced Wasserstein distance."""

from numpy.typing import ArrayLike

from scgarage.metrics.checks import check_points
from scgarage.metrics.metric import Metric


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
