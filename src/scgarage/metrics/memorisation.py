"""Whether synthetic cells are copies of the cells that the model was trained on."""

import numpy as np
from numpy.typing import ArrayLike

from scgarage.metrics.checks import check_points
from scgarage.metrics.metric import Metric
from scgarage.metrics.neighbours import nearest_distance


def memorisation_share(synthetic: ArrayLike, train: ArrayLike, holdout: ArrayLike) -> float:
    r"""Return the share of synthetic cells that lie nearer to training cells than to held-out real cells.

    With as many training as held-out cells it is the plain share, a tie counting half. With :math:`n`
    training and :math:`m` held-out cells the two counts are weighted by :math:`1/n` and :math:`1/m`:

    .. math:: \frac{a / n}{a / n + b / m}

    where :math:`a` and :math:`b` are the shares of synthetic cells whose nearest real cell is a training cell
    and a held-out cell. The nearest of :math:`n + m` exchangeable cells is a training cell with probability
    :math:`n / (n + m)`, so a fresh cell gives 0.5 whatever the sizes. All training cells can thus be used; a
    subsample would miss the copies of the cells left out.

    Parameters
    ----------
    synthetic
        Coordinates of synthetic cells, (n_synthetic, n_dims).
    train
        Coordinates of training cells, (n_train, n_dims).
    holdout
        Coordinates of real cells that the model has not seen, (n_holdout, n_dims). The coordinates must have
        been chosen without both: components fitted on the training cells put all other cells nearer to the
        held-out ones.

    Returns
    -------
    float
        In [0, 1]: 0.5 when nothing is copied, 1 when every cell lies nearest to a training cell.

    Raises
    ------
    InputError
        If the arrays are empty, not finite or have different numbers of columns.

    References
    ----------
    Meehan, Chaudhuri and Dasgupta, A non-parametric test to detect data-copying in generative models, 2020,
    arXiv:2004.05675.

    Examples
    --------
    >>> import numpy as np
    >>> train, holdout = np.random.default_rng(0).normal(size=(2, 50, 3))
    >>> memorisation_share(train, train, holdout)
    1.0
    """
    synthetic, train, holdout = check_points(synthetic=synthetic, train=train, holdout=holdout)
    to_train, to_holdout = nearest_distance(synthetic, train), nearest_distance(synthetic, holdout)
    expected = len(train) / (len(train) + len(holdout))
    share = float(np.mean(to_train < to_holdout) + expected * np.mean(to_train == to_holdout))
    by_train, by_holdout = share / len(train), (1 - share) / len(holdout)
    return by_train / (by_train + by_holdout)


MEMORISATION_SHARE = Metric(
    function=memorisation_share,
    title="Share nearer to training than to held-out cells",
    space="memorisation",
    better="target 0.5",
    range=(0.0, 1.0),
    null="copy",
    reference="after Meehan, Chaudhuri and Dasgupta 2020, arXiv:2004.05675",
    cost="n_synthetic (n_train + n_holdout)",
)
