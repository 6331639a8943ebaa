"""Coverage, density, precision, recall and memorisation: who lies near whom."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import pairwise_distances_argmin, pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

from scgarage.metrics.metric import Metric, Points, check_mask, check_points


def nearest_distance(cells: Points, others: Points) -> Points:
    """Return the Euclidean distance from each cell to the nearest of the others."""
    nearest = pairwise_distances_argmin(cells, others)
    # Measured again: the search expands the square, which leaves rounding where equal cells must give 0.
    return np.asarray(np.linalg.norm(cells - others[nearest], axis=1), dtype=np.float64)


def ball_radii(cells: Points, k: int) -> Points:
    """Return the distance from each cell to its k-th nearest neighbour among the same cells, (n_cells,)."""
    distances, _ = NearestNeighbors(n_neighbors=k).fit(cells).kneighbors()
    return np.asarray(distances[:, -1], dtype=np.float64)


def _share_inside(cells: Points, centres: Points, radii: Points) -> float:
    """Return the share of cells that lie in at least one of the balls."""
    chunks = pairwise_distances_chunked(
        cells, centres, reduce_func=lambda distances, _: (distances <= radii).any(axis=1)
    )
    return float(np.concatenate(list(chunks)).mean())


def coverage(real: ArrayLike, synthetic: ArrayLike, *, k: int = 5, mask: ArrayLike | None = None) -> float:
    r"""Return the share of real cells with a synthetic cell in their neighbourhood.

    .. math:: \frac{1}{n} \sum_{i=1}^{n} 1[\min_j \lVert x_i - y_j \rVert \le r_i]

    where :math:`r_i` is the distance from real cell :math:`x_i` to its k-th nearest neighbour among all real
    cells and :math:`y_j` are the synthetic cells.

    Parameters
    ----------
    real
        Coordinates of real cells, (n_real, n_dims).
    synthetic
        Coordinates of synthetic cells, (n_synthetic, n_dims).
    k
        Neighbours that set the size of a neighbourhood.
    mask
        Real cells to average over, (n_real,), bool; all by default. The radii always come from all of them.

    Returns
    -------
    float
        In [0, 1]; 1 is ideal. It grows with the number of synthetic cells.

    Raises
    ------
    InputError
        If there are no more than ``k`` real cells, the arrays cannot be compared or the mask picks no cell.

    References
    ----------
    Naeem et al., Reliable fidelity and diversity metrics for generative models, 2020, arXiv:2002.09797.

    Examples
    --------
    >>> import numpy as np
    >>> cells = np.random.default_rng(0).normal(size=(50, 3))
    >>> coverage(cells, cells), coverage(cells, cells[:1] + 100)
    (1.0, 0.0)
    """
    real, synthetic = check_points(real=real, synthetic=synthetic)
    (real,) = check_points(k + 1, real=real)
    covered = nearest_distance(real, synthetic) <= ball_radii(real, k)
    return float(covered[check_mask(mask, len(real))].mean())


def precision(real: ArrayLike, synthetic: ArrayLike, *, k: int = 5) -> float:
    """Return the share of synthetic cells inside the neighbourhood of at least one real cell.

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
        In [0, 1]; the higher, the fewer synthetic cells where no real cells are.

    Raises
    ------
    InputError
        If there are no more than ``k`` real cells or the arrays cannot be compared.

    References
    ----------
    Kynkäänniemi et al., Improved precision and recall metric for assessing generative models, 2019,
    arXiv:1904.06991.
    """
    real, synthetic = check_points(real=real, synthetic=synthetic)
    (real,) = check_points(k + 1, real=real)
    return _share_inside(synthetic, real, ball_radii(real, k))


def recall(real: ArrayLike, synthetic: ArrayLike, *, k: int = 5) -> float:
    """Return the share of real cells inside the neighbourhood of at least one synthetic cell.

    Widely scattered synthetic cells have wide neighbourhoods, so noise can score high: read it together with
    :func:`precision` and :func:`coverage`.

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
        In [0, 1].

    Raises
    ------
    InputError
        If there are no more than ``k`` synthetic cells or the arrays cannot be compared.

    References
    ----------
    Kynkäänniemi et al., Improved precision and recall metric for assessing generative models, 2019,
    arXiv:1904.06991.
    """
    real, synthetic = check_points(real=real, synthetic=synthetic)
    (synthetic,) = check_points(k + 1, synthetic=synthetic)
    return _share_inside(real, synthetic, ball_radii(synthetic, k))


_KYNKAANNIEMI = "Kynkäänniemi et al. 2019, arXiv:1904.06991"

COVERAGE = Metric(
    function=coverage,
    title="Coverage of real cells (k = 5)",
    space="pca",
    better="higher",
    range=(0.0, 1.0),
    null="poisson",
    groups="rare",
    reference="Naeem et al. 2020, arXiv:2002.09797",
    cost="n^2 time",
    # With fewer, the neighbourhood of a rare cell reaches into other types and any cell covers it.
    min_cells=6,
)

PRECISION = Metric(
    function=precision,
    title="Precision (k = 5)",
    space="pca",
    better="higher",
    range=(0.0, 1.0),
    null="poisson",
    reference=_KYNKAANNIEMI,
    cost="n^2 time",
)

RECALL = Metric(
    function=recall,
    title="Recall (k = 5)",
    space="pca",
    better="higher",
    range=(0.0, 1.0),
    null="poisson",
    reference=_KYNKAANNIEMI,
    cost="n^2 time",
)


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
