"""How well clusters agree with cell types."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from scgarage.errors import InputError
from scgarage.metrics.checks import check_labels

__all__ = ["ari", "macro_f1", "nmi"]


def ari(labels: ArrayLike, clusters: ArrayLike) -> float:
    r"""Return the adjusted Rand index.

    .. math:: \frac{R - E R}{\max R - E R}

    with :math:`R` the number of pairs of cells that are together in both partitions and expectations over
    random partitions with the same sizes.

    Parameters
    ----------
    labels
        Type of each cell, (n_cells,).
    clusters
        Cluster of each cell, (n_cells,).

    Returns
    -------
    float
        1 for the same partition, 0 on average for random clusters, at least -0.5.

    Raises
    ------
    InputError
        If there are no cells, a label is missing or the lengths differ.

    References
    ----------
    Hubert and Arabie, Journal of Classification 1985, doi:10.1007/BF01908075.

    Examples
    --------
    >>> ari(["B", "B", "T", "T"], [1, 1, 0, 0])
    1.0
    """
    return float(adjusted_rand_score(*_check(labels, clusters)))


def nmi(labels: ArrayLike, clusters: ArrayLike) -> float:
    r"""Return the normalised mutual information.

    .. math:: \frac{2 I(T; C)}{H(T) + H(C)}

    It is not corrected for chance: many small clusters raise it.

    Parameters
    ----------
    labels
        Type :math:`T` of each cell, (n_cells,).
    clusters
        Cluster :math:`C` of each cell, (n_cells,).

    Returns
    -------
    float
        In [0, 1]; 1 for the same partition.

    Raises
    ------
    InputError
        If there are no cells, a label is missing or the lengths differ.

    References
    ----------
    Vinh et al., JMLR 2010, https://jmlr.org/papers/v11/vinh10a.html.
    """
    return float(normalized_mutual_info_score(*_check(labels, clusters)))


def macro_f1(labels: ArrayLike, clusters: ArrayLike, *, types: Sequence[str] | None = None) -> float:
    r"""Return the mean F1 of the cell types after matching clusters to types one to one.

    .. math:: \frac{1}{|T|} \max_\pi \sum_{t \in T} \frac{2 n_{t \pi(t)}}{n_t + n_{\pi(t)}}

    where :math:`\pi` gives each type a cluster of its own (Hungarian algorithm) and :math:`n` counts cells. A type
    without a cluster counts as 0. The cells of a cluster without a type are misses of their types, because
    :math:`n_t` counts them. The sum of F1 itself is maximised, so ties between matchings change nothing.

    Parameters
    ----------
    labels
        Type of each cell, (n_cells,).
    clusters
        Cluster of each cell, (n_cells,).
    types
        Types to average over; those that no cell has count as 0. By default the types in ``labels``; types
        in ``labels`` are always averaged over.

    Returns
    -------
    float
        In [0, 1]; 1 for the same partition.

    Raises
    ------
    InputError
        If there are no cells, a label is missing or the lengths differ.

    References
    ----------
    Kuhn, Naval Research Logistics Quarterly 1955, doi:10.1002/nav.3800020109.

    Examples
    --------
    >>> macro_f1(["B", "B", "T", "T"], [7, 7, 7, 7])  # B or T has the cluster: F1 2/3, the other 0
    0.3333333333333333
    """
    labels, clusters = _check(labels, clusters)
    together = contingency_matrix(labels, clusters)  # (n_types, n_clusters)
    f1 = 2.0 * together / (together.sum(axis=1, keepdims=True) + together.sum(axis=0, keepdims=True))
    matched = linear_sum_assignment(f1, maximize=True)
    n_types = len(set(labels) | set(types or ()))
    return float(f1[matched].sum() / n_types)


def _check(labels: ArrayLike, clusters: ArrayLike) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    checked = check_labels("labels", labels), check_labels("clusters", clusters)
    if len(checked[0]) != len(checked[1]):
        msg = f"labels has {len(checked[0])} entries and clusters {len(checked[1])}; expected one each per cell"
        raise InputError(msg)
    return checked
