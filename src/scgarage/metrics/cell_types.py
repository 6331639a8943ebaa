"""Which types are there and in which shares, rare ones apart."""

import numpy as np
from numpy.typing import ArrayLike

from scgarage.metrics.metric import Metric, check_labels, check_mask


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
