"""Harmonisation: every type generated in one batch, against cells that were measured there."""

import warnings
from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from scgarage.applications.cells import QUIET, column, log_expression, make_garage, require
from scgarage.applications.lisi import mixing, separation
from scgarage.applications.shifts import mean_shifts, shifted
from scgarage.errors import InputError
from scgarage.preprocess import Components, split

__all__ = ["HARMONISATION_METHODS", "harmonise"]

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
    expr = {"train": log_expression(train, layer), "test": log_expression(test, layer)}
    keys = {
        name: (column(part, labels_key), column(part, batch_key)) for name, part in (("train", train), ("test", test))
    }
    away = np.flatnonzero(keys["test"][1] != target)
    require(keys["test"][1] == target, MIN_CELLS, f"held-out cells of batch {target!r}")
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
    return log_expression(cells)[np.argsort(labels, kind="stable")][order]


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
