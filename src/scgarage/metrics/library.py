"""How far library sizes are from the real ones."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import wasserstein_distance

from scgarage.errors import InputError
from scgarage.metrics.metric import Metric


def library_size_error(real_totals: ArrayLike, synthetic_totals: ArrayLike) -> float:
    r"""Return the Wasserstein-1 distance between the log library sizes of two sets of cells.

    .. math:: W_1(\log s, \log \hat s)

    with natural logarithms: cells of twice the depth give :math:`\log 2 = 0.69`. A total below 1 counts as 1.

    Parameters
    ----------
    real_totals
        Counts of each real cell over all genes, (n_real,).
    synthetic_totals
        Counts of each synthetic cell over all genes, (n_synthetic,).

    Returns
    -------
    float
        >= 0; 0 is ideal.

    Raises
    ------
    InputError
        If totals are missing, negative, not finite or not one-dimensional.

    References
    ----------
    Crowell et al., The shaky foundations of simulating scRNA-seq data, 2023, doi:10.1186/s13059-023-02904-1.

    Examples
    --------
    >>> round(library_size_error([1000, 2000], [2000, 4000]), 4)
    0.6931
    """
    real, synthetic = _logged("real_totals", real_totals), _logged("synthetic_totals", synthetic_totals)
    return float(wasserstein_distance(real, synthetic))


def _logged(name: str, totals: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(totals, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        msg = f"{name} has shape {values.shape}; expected the total counts of at least one cell"
        raise InputError(msg)
    if not np.isfinite(values).all() or (values < 0).any():
        msg = f"{name} holds negative or infinite values or NaN; expected total counts"
        raise InputError(msg)
    return np.log(np.maximum(values, 1.0))


LIBRARY_SIZE_ERROR = Metric(
    function=library_size_error,
    title="Log library size: Wasserstein-1 distance",
    space="genes",
    given="depth",
    better="lower",
    range=(0.0, float("inf")),
    null="poisson",
    reference="Crowell et al. 2023, doi:10.1186/s13059-023-02904-1",
    cost="n log n",
)
