"""Whether types keep their share."""

import numpy as np
from numpy.typing import ArrayLike

from scgarage.metrics.checks import check_labels
from scgarage.metrics.metric import Metric


def rare_retention(real_labels: ArrayLike, synthetic_labels: ArrayLike) -> dict[str, float]:
    r"""Return for each type which part of its real share the synthetic cells have.

    .. math:: \min(1, q_t / p_t)

    where :math:`p_t` and :math:`q_t` are the shares of type :math:`t` among real and synthetic cells. More cells of
    a type than expected are no loss; :func:`~scgarage.metrics.type_proportion_tv` counts them.

    Parameters
    ----------
    real_labels
        Type of each real cell, (n_real,).
    synthetic_labels
        Type of each synthetic cell, (n_synthetic,).

    Returns
    -------
    dict
        Value by real type, in [0, 1]; 0 for a type that is lost.

    Raises
    ------
    InputError
        If there are no labels or one is missing.

    Examples
    --------
    >>> rare_retention(["B", "B", "T", "T"], ["B", "T", "T", "T"])
    {'B': 0.5, 'T': 1.0}
    """
    real = check_labels("real_labels", real_labels)
    synthetic = check_labels("synthetic_labels", synthetic_labels)
    types, counts = np.unique(real, return_counts=True)
    made = np.bincount(np.searchsorted(types, synthetic[np.isin(synthetic, types)]), minlength=len(types))
    kept = np.minimum((made / len(synthetic)) / (counts / len(real)), 1.0)
    return {str(name): float(share) for name, share in zip(types, kept, strict=True)}


RARE_RETENTION = Metric(
    function=rare_retention,
    title="Share of each type that is kept",
    space="labels",
    better="higher",
    range=(0.0, 1.0),
    null="one type",
    groups="types",
    reference="a count: the share of a type among synthetic cells relative to real ones, at most 1",
    cost="n",
)
