"""Whether synthetic cells look like the type that their label says."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scgarage.metrics.by_type import check_typed, nothing
from scgarage.metrics.metric import Metric


def label_fidelity(
    reference_points: ArrayLike, reference_labels: ArrayLike, points: ArrayLike, labels: ArrayLike
) -> dict[str, float]:
    r"""Return for each type the share of its cells that a classifier trained on real cells gives that type.

    .. math:: \frac{1}{m_t} \sum_{j: \ell_j = t} 1[f(y_j) = t]

    with the given labels :math:`\ell_j` of the :math:`m_t` cells of type :math:`t` and :math:`f` the class-balanced
    logistic regression on standardised coordinates. The mean over types is the macro-averaged recall.

    Parameters
    ----------
    reference_points
        Coordinates of real cells that nothing else is compared with, (n_reference, n_dims).
    reference_labels
        Type of each of them, (n_reference,).
    points
        Coordinates of the cells to check, (n_cells, n_dims).
    labels
        The types that they are said to have, (n_cells,).

    Returns
    -------
    dict
        Share by reference type, in [0, 1]; NaN for a type that no cell is said to have. Types that no reference
        cell has are not in it. For labels that a classifier gave it only says that two classifiers agree.

    Raises
    ------
    InputError
        If the arrays cannot be compared or do not fit the labels.

    References
    ----------
    Ravuri and Vinyals, Classification accuracy score for conditional generative models, 2019, arXiv:1905.10887
    (the reverse direction: trained on synthetic, tested on real).

    Examples
    --------
    >>> label_fidelity([[0.0], [0.1], [9.0], [9.1]], ["B", "B", "T", "T"], [[0.0], [8.0], [9.0]], ["B", "B", "T"])
    {'B': 0.5, 'T': 1.0}
    """
    (known, known_labels), (cells, given) = check_typed(reference_points, reference_labels, points, labels)
    found = nothing(known_labels)
    if len(found) == 1:
        # A classifier with one class gives every cell that type.
        return {name: 1.0 if (given == name).any() else np.nan for name in found}
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    right = model.fit(known, known_labels).predict(cells) == given
    return {name: float(right[given == name].mean()) if (given == name).any() else np.nan for name in found}


LABEL_FIDELITY = Metric(
    function=label_fidelity,
    title="Labels that a classifier of real cells confirms",
    space="labels",
    given="label fidelity",
    better="higher",
    range=(0.0, 1.0),
    null="shuffled",
    groups="types",
    matched=True,
    reference="after Ravuri and Vinyals 2019, arXiv:1905.10887",
    cost="n",
)
