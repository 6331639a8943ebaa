"""Whether every real cell type has synthetic cells."""

import numpy as np
from numpy.typing import ArrayLike

from scgarage.metrics.checks import check_labels, check_mask
from scgarage.metrics.metric import Metric


def types_present(real_labels: ArrayLike, synthetic_labels: ArrayLike, *, mask: ArrayLike | None = None) -> float:
    """Return the share of the real types that have at least one synthetic cell.

    Parameters
    ----------
    real_labels
        Type of each real cell, (n_real,).
    synthetic_labels
        Type of each synthetic cell, (n_synthetic,).
    mask
        Real cells whose types count, (n_real,), bool; all by default.

    Returns
    -------
    float
        In [0, 1]; 1 when no type is lost. It grows with the number of synthetic cells.

    Raises
    ------
    InputError
        If there are no labels, one is missing or the mask picks no cell.

    Examples
    --------
    >>> types_present(["B", "B", "T", "NK"], ["T", "B", "T"]) == 2 / 3
    True
    """
    real = check_labels("real_labels", real_labels)
    synthetic = check_labels("synthetic_labels", synthetic_labels)
    types = np.unique(real[check_mask(mask, len(real))])
    return float(np.isin(types, synthetic).mean())


TYPES_PRESENT = Metric(
    function=types_present,
    title="Types with synthetic cells",
    space="labels",
    better="higher",
    range=(0.0, 1.0),
    null="one type",
    groups="rare",
    reference="a count: types with at least one synthetic cell among the types of the real cells",
    cost="n",
)
