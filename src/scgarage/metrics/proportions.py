"""How far the type proportions of synthetic cells are from the real ones."""

import numpy as np
from numpy.typing import ArrayLike

from scgarage.metrics.checks import check_labels
from scgarage.metrics.metric import Metric


def type_proportion_tv(real_labels: ArrayLike, synthetic_labels: ArrayLike) -> float:
    r"""Return the total variation between the type proportions of two sets of cells.

    .. math:: TV = \tfrac{1}{2} \sum_t \lvert p_t - q_t \rvert

    where :math:`p_t` and :math:`q_t` are the shares of type :math:`t` among real and synthetic cells. A label
    that no real cell has, "unsure" among them, counts as a type of share 0.

    Parameters
    ----------
    real_labels
        Type of each real cell, (n_real,).
    synthetic_labels
        Type of each synthetic cell, (n_synthetic,).

    Returns
    -------
    float
        In [0, 1]: the share of cells whose type would have to change; 0 is ideal.

    Raises
    ------
    InputError
        If there are no labels or one is missing.

    References
    ----------
    Levin, Peres and Wilmer, Markov chains and mixing times, 2017, section 4.1, doi:10.1090/mbk/107.

    Examples
    --------
    >>> type_proportion_tv(["B", "B", "T", "T"], ["B", "T", "T", "T"])
    0.25
    """
    real = check_labels("real_labels", real_labels)
    synthetic = check_labels("synthetic_labels", synthetic_labels)
    types, codes = np.unique(np.concatenate([real, synthetic]), return_inverse=True)
    p = np.bincount(codes[: len(real)], minlength=len(types)) / len(real)
    q = np.bincount(codes[len(real) :], minlength=len(types)) / len(synthetic)
    return float(np.abs(p - q).sum() / 2)


TYPE_PROPORTION_TV = Metric(
    function=type_proportion_tv,
    title="Type proportions: total variation",
    space="labels",
    better="lower",
    range=(0.0, 1.0),
    null="one type",
    reference="Levin, Peres and Wilmer 2017, doi:10.1090/mbk/107",
    cost="n",
)
