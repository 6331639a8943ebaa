"""Exact and near copies of training cells, and distances to the nearest."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from scgarage.errors import InputError
from scgarage.judge.privacy.result import NEAR_QUANTILE
from scgarage.metrics.metric import Points, check_points
from scgarage.metrics.neighbours import nearest_distance

DECIMALS = 3
"""Digits that two log-normalised values must share: rounding to float32 must not hide a copy."""


def exact_copies(cells: sparse.csr_matrix, train: sparse.csr_matrix) -> NDArray[np.intp]:
    """Return for each cell the training cell that it equals in every gene.

    Rows are compared by a hash; every match is checked value by value.

    Parameters
    ----------
    cells
        Counts, or log1p CP10k to :data:`DECIMALS` decimals, (n_cells, n_genes).
    train
        The same of the training cells, (n_train, n_genes).

    Returns
    -------
    numpy.ndarray
        Row of the first equal training cell, -1 for a cell that equals none, (n_cells,). A cell without any
        count equals nothing: it carries no information about anybody.

    Raises
    ------
    InputError
        If the numbers of genes differ.

    Examples
    --------
    >>> train = sparse.csr_matrix([[0, 2, 1], [3, 0, 0], [0, 0, 0]])
    >>> exact_copies(sparse.csr_matrix([[3, 0, 0], [3, 0, 1], [0, 0, 0]]), train).tolist()
    [1, -1, -1]
    """
    if cells.shape[1] != train.shape[1]:
        msg = f"the cells have {cells.shape[1]} genes and the training cells {train.shape[1]}; they must be the same"
        raise InputError(msg)
    scale = 1.0 if _is_whole(cells) and _is_whole(train) else 10.0**DECIMALS
    whole_cells, whole_train = _in_units(cells, scale), _in_units(train, scale)
    hashes, first = np.unique(row_hashes(whole_train), return_index=True)
    wanted = row_hashes(whole_cells)
    matches = np.full(cells.shape[0], -1, dtype=np.intp)
    if not len(hashes):
        return matches
    place = np.minimum(np.searchsorted(hashes, wanted), len(hashes) - 1)
    found = np.flatnonzero((hashes[place] == wanted) & (np.diff(whole_cells.indptr) > 0))
    rows = first[place[found]]
    differ = (whole_cells[found] - whole_train[rows]).getnnz(axis=1)
    matches[found[differ == 0]] = rows[differ == 0]
    return matches


def row_hashes(values: sparse.csr_matrix) -> NDArray[np.uint64]:
    r"""Return a 64-bit hash of each row of whole numbers.

    .. math:: h_i = \sum_j a_j c_{ij} \bmod 2^{64}

    with fixed random :math:`a_j`, so the order in which a sparse row stores its entries does not matter.
    """
    factors = np.random.default_rng(0).integers(0, 2**64, size=values.shape[1], dtype=np.uint64) | np.uint64(1)
    terms = values.data.astype(np.int64).astype(np.uint64) * factors[values.indices]
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(terms, dtype=np.uint64)])
    # Both sums wrap round, so their difference is right.
    return np.asarray(sums[values.indptr[1:]] - sums[values.indptr[:-1]], dtype=np.uint64)


def _is_whole(values: sparse.csr_matrix) -> bool:
    return bool(np.array_equal(values.data, np.rint(values.data)))


def _in_units(values: sparse.csr_matrix, scale: float) -> sparse.csr_matrix:
    """Return whole numbers in a form of which equal rows have only one."""
    numbers = np.rint(values.data * scale).astype(np.int64)
    whole = sparse.csr_matrix((numbers, values.indices, values.indptr), values.shape, copy=True)
    whole.sum_duplicates()
    whole.eliminate_zeros()
    return whole


LIMIT_CELLS = 5_000
"""Training cells whose ratios set the limit at most; fifty of them then lie below it."""


def neighbour_ratio(cells: ArrayLike, train: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    r"""Return how much nearer the nearest training cell is than the second nearest.

    .. math:: r(x) = d_1(x) / d_2(x)

    The ratio does not depend on how dense a type is, nor on how far synthetic cells lie from all real ones:
    averaged cells, which lie near many, have a ratio near 1, and copies have one near 0.
    """
    cells, train = check_points(cells=cells, train=train)
    (train,) = check_points(2, train=train)
    distances, rows = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(train).kneighbors(cells)
    return _ratio(distances), rows[:, 0]


def near_limit(train: ArrayLike, *, quantile: float = NEAR_QUANTILE, random_state: int = 0) -> float:
    """Return the ratio below which a cell is a near copy."""
    (train,) = check_points(3, train=train)
    if not 0 < quantile < 1:
        msg = f"quantile is {quantile}; expected a share between 0 and 1"
        raise InputError(msg)
    rows = np.random.default_rng(random_state).permutation(len(train))[:LIMIT_CELLS]
    distances, _ = NearestNeighbors(n_neighbors=3, algorithm="brute").fit(train).kneighbors(train[rows])
    return float(np.quantile(_ratio(distances[:, 1:]), quantile))  # the first is the cell itself


def near_copies(cells: ArrayLike, train: ArrayLike, *, quantile: float = NEAR_QUANTILE) -> NDArray[np.bool_]:
    """Say which cells lie nearer to one training cell than real cells lie to each other.

    A cell is a near copy when its ratio (:func:`neighbour_ratio`) is below that of a share ``quantile`` of
    training cells (:func:`near_limit`). Of fresh real cells the same share is.

    Parameters
    ----------
    cells
        Coordinates, (n_cells, n_dims).
    train
        Coordinates of at least three training cells, (n_train, n_dims); components fitted on other cells.
    quantile
        Share of real cells to be called near copies, in (0, 1).

    Returns
    -------
    numpy.ndarray
        Whether each is a near copy, (n_cells,).

    Raises
    ------
    InputError
        If the arrays cannot be compared, there are fewer than three training cells, or ``quantile`` is out
        of range.

    References
    ----------
    Zhao et al., CTAB-GAN: effective table data synthesizing, 2021, arXiv:2102.08369 (nearest neighbour
    distance ratio).

    Examples
    --------
    >>> train = np.random.default_rng(0).normal(size=(200, 5))
    >>> bool(near_copies(train + 1e-6, train).all())
    True
    """
    ratio, _ = neighbour_ratio(cells, train)
    return np.asarray(ratio < near_limit(train, quantile=quantile))


def _ratio(distances: Points) -> NDArray[np.float64]:
    """Divide the first column by the second; a cell equal to two training cells is a copy all the same."""
    nearest, second = distances.T
    return np.asarray(np.divide(nearest, second, out=np.zeros_like(nearest), where=second > 0))


LOW_QUANTILE = 0.1
"""Quantile that the audit compares: where only some training cells are copied, or only some of them are compared
with, the nearest tenth of the synthetic cells shows it and the median does not."""


def distance_ratio(synthetic: ArrayLike, train: ArrayLike, holdout: ArrayLike, *, quantile: float = 0.5) -> float:
    r"""Return how far synthetic cells are from training cells, relative to held-out cells.

    .. math:: \frac{Q_s \min_{t} \lVert s - t \rVert}{Q_s \min_{h} \lVert s - h \rVert}

    with :math:`Q_s` a quantile over synthetic cells :math:`s`, :math:`t` training and :math:`h` held-out cells.

    Parameters
    ----------
    synthetic
        Coordinates of synthetic cells, (n_synthetic, n_dims).
    train
        Coordinates of training cells, (n, n_dims).
    holdout
        Coordinates of as many cells that the model has not seen, (n, n_dims).
    quantile
        Quantile of the distances, in (0, 1); the median by default.

    Returns
    -------
    float
        1 for fresh cells, 0 when more than a share ``quantile`` are copies.

    Raises
    ------
    InputError
        If the arrays cannot be compared, ``quantile`` is out of range, or the numbers of training and held-out
        cells differ: among more cells the nearest is nearer.

    References
    ----------
    Platzer and Reutterer, Holdout-based empirical assessment of mixed-type synthetic data, 2021,
    doi:10.3389/fdata.2021.679939.

    Examples
    --------
    >>> train, holdout = np.random.default_rng(0).normal(size=(2, 50, 3))
    >>> distance_ratio(train, train, holdout)
    0.0
    """
    synthetic, train, holdout = check_points(synthetic=synthetic, train=train, holdout=holdout)
    if not 0 < quantile < 1:
        msg = f"quantile is {quantile}; expected a share between 0 and 1"
        raise InputError(msg)
    if len(train) != len(holdout):
        msg = f"train has {len(train)} cells and holdout {len(holdout)}; draw as many of the one as of the other"
        raise InputError(msg)
    return quantile_ratio(nearest_distance(synthetic, train), nearest_distance(synthetic, holdout), quantile)


def quantile_ratio(to_train: NDArray[np.float64], to_holdout: NDArray[np.float64], quantile: float) -> float:
    """Return the ratio of a quantile of two sets of distances; 1 when both are 0."""
    above, below = float(np.quantile(to_train, quantile)), float(np.quantile(to_holdout, quantile))
    if below == 0:
        return 1.0 if above == 0 else float("inf")
    return above / below
