"""Local inverse Simpson's index: how many labels a cell's neighbourhood holds."""

import warnings
from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from scgarage.analyses.shifts import QUIET, column, make_garage, mean_shifts, require_cells, shifted
from scgarage.errors import InputError
from scgarage.io.cells import read_cells
from scgarage.metrics.metric import check_labels, check_points
from scgarage.pp import Components, split

N_HALVINGS = 50


def lisi(points: ArrayLike, labels: ArrayLike, *, perplexity: float = 30.0) -> NDArray[np.float64]:
    r"""Return the effective number of labels in the neighbourhood of each cell.

    .. math::

        \mathrm{LISI}_i = \Big(\sum_b p_i(b)^2\Big)^{-1}, \qquad p_i(b) = \sum_{j : l_j = b} w_{ij}, \qquad
        w_{ij} \propto \exp(-\beta_i d_{ij}^2)

    over the :math:`3 P` nearest neighbours, with :math:`\beta_i` such that the entropy of the weights is
    :math:`\log P`.

    Parameters
    ----------
    points
        Coordinates of cells, (n_cells, n_dims).
    labels
        Batch or type of each cell, (n_cells,).
    perplexity
        Effective number :math:`P` of neighbours; cut to a third of the other cells.

    Returns
    -------
    numpy.ndarray
        In [1, n_labels], (n_cells,), float64: iLISI for batches (higher is better mixed), cLISI for types (1 is
        separate).

    Raises
    ------
    InputError
        If there are fewer than 10 cells, they are not finite or there is not one label for each.

    References
    ----------
    Korsunsky et al., Harmony, Nature Methods 2019, doi:10.1038/s41592-019-0619-0. Scaling to [0, 1]: Luecken et al.,
    Nature Methods 2022, doi:10.1038/s41592-021-01336-8.

    Examples
    --------
    >>> cells = np.random.default_rng(0).normal(size=(50, 2))
    >>> bool(np.allclose(lisi(cells, ["one"] * 50), 1))
    True
    """
    (points,) = check_points(10, points=points)
    names = check_labels("labels", labels)
    if len(names) != len(points):
        msg = f"labels has {len(names)} entries for {len(points)} cells; expected one for each"
        raise InputError(msg)
    target = min(perplexity, (len(points) - 1) / 3)
    if not target > 1:
        msg = f"perplexity must be above 1; found {perplexity}"
        raise InputError(msg)
    n_near = min(int(3 * target), len(points) - 1)
    distances, near = NearestNeighbors(n_neighbors=n_near).fit(points).kneighbors()
    weights = _weights(distances**2, np.log(target))
    codes = np.unique(names, return_inverse=True)[1]
    shares = np.stack([(weights * (codes[near] == code)).sum(axis=1) for code in range(codes.max() + 1)])
    result: NDArray[np.float64] = 1 / (shares**2).sum(axis=0)
    return result


def _weights(squared: NDArray[np.float64], entropy: float) -> NDArray[np.float64]:
    """Return weights of neighbours whose entropy is as wanted, by bisection of the logarithm of the precision."""
    scaled = (squared - squared[:, :1]) / np.maximum(squared.mean(axis=1, keepdims=True), 1e-300)
    low, high = np.full((len(squared), 1), -20.0), np.full((len(squared), 1), 20.0)
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        weights = np.exp(-np.exp(middle) * scaled)
        weights /= weights.sum(axis=1, keepdims=True)
        found = -(weights * np.log(np.maximum(weights, 1e-300))).sum(axis=1, keepdims=True)
        low, high = np.where(found > entropy, middle, low), np.where(found > entropy, high, middle)
    result: NDArray[np.float64] = weights
    return result


def mixing(points: ArrayLike, batches: ArrayLike, *, perplexity: float = 30.0) -> float:
    """Return the median iLISI scaled to [0, 1]: 0 when neighbours share the batch, 1 when all batches are equally near.

    Arguments as in :func:`lisi`. With batches of different sizes 1 cannot be reached.
    """
    n_batches = len(np.unique(check_labels("batches", batches)))
    if n_batches < 2:
        msg = f"mixing needs at least 2 batches; found {n_batches}"
        raise InputError(msg)
    return float((np.median(lisi(points, batches, perplexity=perplexity)) - 1) / (n_batches - 1))


def separation(points: ArrayLike, types: ArrayLike, *, perplexity: float = 30.0) -> float:
    """Return the median cLISI scaled to [0, 1]: 1 when neighbours share the type, 0 when all types are equally near.

    Arguments as in :func:`lisi`.
    """
    n_types = len(np.unique(check_labels("types", types)))
    if n_types < 2:
        msg = f"separation needs at least 2 types; found {n_types}"
        raise InputError(msg)
    return float((n_types - np.median(lisi(points, types, perplexity=perplexity))) / (n_types - 1))


HARMONISATION_METHODS = ("before", "mean shift", "garage", "floor")

MIN_CELLS = 5


def harmonise(
    adata: ad.AnnData,
    *,
    labels_key: str,
    batch_key: str,
    target: str,
    layer: str | None = None,
    settings: Mapping[str, Any] | None = None,
    n_pcs: int = 20,
    perplexity: float = 30.0,
    random_state: int = 0,
) -> pd.DataFrame:
    """Measure whether other batches' types, made in the target batch, mix with cells measured there.

    Held-out cells of the other batches are compared with held-out cells of the target batch as they are (``"before"``),
    moved by the difference of the means of training cells per type (``"mean shift"``), and replaced by as many
    generated cells of the same types in the target batch (``"garage"``). ``"floor"`` is training cells of the target
    batch itself. Generation does not correct the cells that were measured: it draws new ones.

    Parameters
    ----------
    adata
        Real cells, counts or log-normalised.
    labels_key, batch_key
        Columns of obs with the cell type and the batch.
    target
        Batch in which everything is made.
    layer
        Layer that holds the values, instead of X.
    settings
        Settings of :class:`scgarage.models.Garage`.
    n_pcs
        Components of the held-out cells of all batches in which neighbours are found.
    perplexity
        Effective number of neighbours.
    random_state
        Seed of the split, the model and the draws.

    Returns
    -------
    pandas.DataFrame
        A row for each method and metric: ``method``, ``metric``, ``value``, ``n_cells``. ``"mixing"`` is the median
        iLISI of the two sides, scaled to [0, 1], with as many cells of each type on both (only types that the target
        batch has); ``"separation"`` the median cLISI of all types, 1 when types stay apart.

    Raises
    ------
    InputError
        If a column or the batch is missing, or fewer than 10 cells can be compared.

    References
    ----------
    Korsunsky et al., Nature Methods 2019, doi:10.1038/s41592-019-0619-0.
    """
    batches = column(adata, batch_key)
    if target not in batches or len(np.unique(batches)) < 2:
        msg = f"target={target!r} must be one of several batches; found {', '.join(np.unique(batches))}"
        raise InputError(msg)
    parts = split(
        adata, labels_key=labels_key, batch_key=batch_key, fractions=(0.6, 0.0, 0.4), random_state=random_state
    )
    train, test = parts.train, parts.test
    expr = {name: read_cells(part, layer=layer).log_expr for name, part in (("train", train), ("test", test))}
    keys = {
        name: (column(part, labels_key), column(part, batch_key)) for name, part in (("train", train), ("test", test))
    }
    away = np.flatnonzero(keys["test"][1] != target)
    require_cells(keys["test"][1] == target, MIN_CELLS, f"held-out cells of batch {target!r}")
    types = keys["test"][0][away]
    made = {"before": expr["test"][away]}
    made["mean shift"] = _shift(expr, keys, away, target)
    model = make_garage(settings, random_state).fit(
        train, labels_key=labels_key, batch_key=batch_key, layer=layer, options=QUIET
    )
    made["garage"] = _generated(model, types, target, random_state)
    home = np.flatnonzero(keys["train"][1] == target)
    made["floor"], own = expr["train"][home], {"floor": keys["train"][0][home]}
    space = Components.fit(expr["test"], n_pcs, random_state=random_state)
    here = np.flatnonzero(keys["test"][1] == target)
    real = (space.transform(expr["test"][here]), keys["test"][0][here])
    rows = [
        {"method": name} | row
        for name in HARMONISATION_METHODS
        for row in _measure(
            real, (space.transform(made[name]), own.get(name, types)), perplexity, np.random.default_rng(random_state)
        )
    ]
    return pd.DataFrame(rows)


def _shift(
    expr: dict[str, sparse.csr_matrix],
    keys: dict[str, tuple[NDArray[np.str_], NDArray[np.str_]]],
    away: NDArray[np.int64],
    target: str,
) -> sparse.csr_matrix:
    """Move each held-out cell by what its type differs in the target batch, among training cells."""
    types, batches = (values[away] for values in keys["test"])
    moved, order = [], []
    for batch in np.unique(batches):
        rows = np.flatnonzero(batches == batch)
        shifts, overall = mean_shifts(expr["train"], *keys["train"], (str(batch), target))
        moved.append(shifted(expr["test"][away[rows]], types[rows], shifts, overall))
        order.append(rows)
    return sparse.csr_matrix(sparse.vstack(moved))[np.argsort(np.concatenate(order))]


def _generated(model: Any, types: NDArray[np.str_], target: str, random_state: int) -> sparse.csr_matrix:
    """Return a generated cell in the target batch for each type in the list, in its order."""
    names, counts = np.unique(types, return_counts=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no training cell shows", category=UserWarning)
        wanted = dict(zip(names.tolist(), counts.tolist(), strict=True))
        cells = model.sample(wanted, batch=target, random_state=random_state)
    order = np.argsort(np.argsort(types, kind="stable"), kind="stable")
    labels = column(cells, model.about["labels_key"])
    return read_cells(cells).log_expr[np.argsort(labels, kind="stable")][order]


def _measure(
    real: tuple[NDArray[np.float32], NDArray[np.str_]],
    made: tuple[NDArray[np.float32], NDArray[np.str_]],
    perplexity: float,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Return mixing over types that both sides have, in equal numbers, and separation over all."""
    chosen: tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]] = ([], [])
    for name in np.unique(real[1]):
        own = [rng.permutation(np.flatnonzero(side[1] == name)) for side in (real, made)]
        n = min(map(len, own))
        for rows, members in zip(chosen, own, strict=True):
            rows.append(members[:n])
    left, right = (np.concatenate(rows) for rows in chosen)
    if len(left) < MIN_CELLS:
        msg = f"only {len(left)} cells of the two sides have a type in common; expected at least {MIN_CELLS}"
        raise InputError(msg)
    both = np.concatenate([real[0][left], made[0][right]])
    everything = np.concatenate([real[0], made[0]])
    sides = np.repeat(["real", "made"], [len(left), len(right)])
    return [
        {"metric": "mixing", "value": mixing(both, sides, perplexity=perplexity), "n_cells": len(both)},
        {
            "metric": "separation",
            "value": separation(everything, np.concatenate([real[1], made[1]]), perplexity=perplexity),
            "n_cells": len(everything),
        },
    ]
