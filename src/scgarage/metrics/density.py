"""Density: how many real neighbourhoods synthetic cells lie in."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import pairwise_distances_chunked

from scgarage.metrics.checks import check_points
from scgarage.metrics.metric import Metric
from scgarage.metrics.neighbours import ball_radii


def density(real: ArrayLike, synthetic: ArrayLike, *, k: int = 5) -> float:
    r"""Return how many real cells' neighbourhoods a synthetic cell lies in, relative to k.

    .. math:: \frac{1}{k m} \sum_{j=1}^{m} \sum_{i=1}^{n} 1[\lVert x_i - y_j \rVert \le r_i]

    where :math:`r_i` is the distance from real cell :math:`x_i` to its k-th nearest neighbour among the real
    cells and :math:`y_j` are the synthetic cells. Unlike precision it does not let one far real cell with a
    wide neighbourhood vouch for everything in it.

    Parameters
    ----------
    real
        Coordinates of real cells, (n_real, n_dims).
    synthetic
        Coordinates of synthetic cells, (n_synthetic, n_dims).
    k
        Neighbours that set the size of a neighbourhood.

    Returns
    -------
    float
        >= 0. About 1 for cells of the same population; less where no real cells are, more when the cells
        crowd where real ones are densest.

    Raises
    ------
    InputError
        If there are no more than ``k`` real cells or the arrays cannot be compared.

    References
    ----------
    Naeem et al., Reliable fidelity and diversity metrics for generative models, 2020, arXiv:2002.09797.

    Examples
    --------
    >>> import numpy as np
    >>> cells = np.random.default_rng(0).normal(size=(50, 3))
    >>> density(cells, cells + 100)
    0.0
    """
    real, synthetic = check_points(real=real, synthetic=synthetic)
    (real,) = check_points(k + 1, real=real)
    radii = ball_radii(real, k)
    chunks = pairwise_distances_chunked(
        synthetic, real, reduce_func=lambda distances, _: (distances <= radii).sum(axis=1)
    )
    return float(np.concatenate(list(chunks)).mean() / k)


DENSITY = Metric(
    function=density,
    title="Density (k = 5)",
    space="pca",
    better="target 1",
    range=(0.0, float("inf")),
    null="poisson",
    reference="Naeem et al. 2020, arXiv:2002.09797",
    cost="n^2 time",
)
