"""Maximum mean discrepancy with a mixture of Gaussian kernels."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import pdist
from sklearn.metrics.pairwise import euclidean_distances

from scgarage.metrics.checks import Points, check_points
from scgarage.metrics.metric import Metric

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
