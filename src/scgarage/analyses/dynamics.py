"""Cells between two states, by Garage's latent positions."""

from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse
from sklearn.metrics import pairwise_distances_argmin

from scgarage.analyses.shifts import QUIET, column, compare, make_garage, means, pieces, require
from scgarage.errors import InputError
from scgarage.io.cells import log1p_cp10k, read_cells
from scgarage.models import Garage
from scgarage.pp import Components


def interpolate_types(
    model: Garage, start: str, end: str, times: NDArray[np.floating], *, random_state: int = 0
) -> AnnData:
    r"""Make cells on the way from one type to another.

    Positions :math:`x_a, x_b` of a cell of each type, factors and log library size, are joined so that their variance
    stays what it is,

    .. math:: x_t = (1 - t) m_a + t m_b + \sqrt{1 - t}\, (x_a - m_a) + \sqrt{t}\, (x_b - m_b)

    with the types' means :math:`m`, decoded with the genes' distributions of either type, and the two draws of counts
    mixed, so that rates are interpolated linearly: :math:`c \sim \mathrm{Bin}(c_a, 1 - t) + \mathrm{Bin}(c_b, t)`.

    Parameters
    ----------
    model
        Fitted on counts, with labels and without batches.
    start, end
        Types.
    times
        Where each cell is on its way, in [0, 1], (n_cells,).
    random_state
        Seed.

    Returns
    -------
    Counts of all genes, with ``obs["time"]``.

    Raises
    ------
    InputError
        If the model was fitted otherwise, a type is unknown or a time is out of range.
    """
    times = np.asarray(times, dtype=np.float64)
    if not model.is_fitted or model.about["value_kind"] != "counts" or model.batches or not model.types:
        msg = "interpolate_types needs a Garage model fitted on counts, with labels_key= and without batch_key="
        raise InputError(msg)
    unknown = sorted({start, end} - set(model.types))
    if unknown or times.ndim != 1 or not times.size or not ((times >= 0) & (times <= 1)).all():
        msg = f"unknown types {unknown} or times outside [0, 1]; the model knows {', '.join(model.types)}"
        raise InputError(msg)
    rng = np.random.default_rng(random_state)
    latent = model.parts["latent"]
    codes = [np.full(len(times), model.types.index(name)) for name in (start, end)]
    sides = [latent.draw(code, float(model.about["jitter"]), rng) for code in codes]
    centres = [latent.mean[code[0]] for code in codes]
    share = times[:, None].astype(np.float32)
    positions = (1 - share) * centres[0] + share * centres[1]
    positions += np.sqrt(1 - share) * (sides[0] - centres[0]) + np.sqrt(share) * (sides[1] - centres[1])
    drawn = [model._decode(positions.astype(np.float32), code, rng) for code in codes]
    cells = AnnData(mix_counts(drawn[0], drawn[1], times, rng))
    cells.var_names = model.about["var_names"]
    cells.obs["time"] = times
    return cells


def mix_counts(
    first: sparse.csr_matrix, second: sparse.csr_matrix, times: NDArray[np.floating], rng: np.random.Generator
) -> sparse.csr_matrix:
    r"""Mix the counts of pairs of cells: each molecule of the first stays with probability 1 - t, of the second with t.

    Parameters
    ----------
    first, second
        Counts, CSR (n_cells, n_genes).
    times
        Times t in [0, 1], (n_cells,).
    rng
        Source of the draws.

    Returns
    -------
    Counts, CSR float32.
    """
    mixed = []
    for counts, share in ((first, 1 - times), (second, times)):
        thin = sparse.csr_matrix(counts, dtype=np.float32, copy=True)
        probability = np.repeat(share, np.diff(thin.indptr))
        thin.data = rng.binomial(np.rint(thin.data).astype(np.int64), probability).astype(np.float32)
        thin.eliminate_zeros()
        mixed.append(thin)
    result: sparse.csr_matrix = (mixed[0] + mixed[1]).tocsr()
    return result


DYNAMICS_METHODS = ("garage", "mixed counts", "nearest observed", "ends", "floor")
MIN_CELLS = 30


def generate_between(
    adata: ad.AnnData,
    *,
    labels_key: str,
    start: str,
    middle: str,
    end: str,
    layer: str | None = None,
    settings: Mapping[str, Any] | None = None,
    n_pcs: int = 20,
    random_state: int = 0,
) -> pd.DataFrame:
    """Leave out the cells of an intermediate state, make them from the states before and after, and compare.

    ``"garage"`` is fitted on all other types and interpolates (:func:`interpolate_types`) at times uniform in [0, 1].
    ``"mixed counts"`` mixes the counts of pairs of real cells of the two states at the same times. ``"nearest
    observed"`` takes, for each such mixture, the nearest cell among those that were not left out, of any type.
    ``"ends"`` are cells of the two states. ``"floor"`` is a third of the real intermediate cells; all are compared with
    another third, in components of the last third and of end cells that nothing was fitted to.

    Parameters
    ----------
    adata
        Real cells, counts.
    labels_key
        Column of obs with the states.
    start, middle, end
        States before, between and after; all of ``middle`` is left out.
    layer
        Layer that holds the counts, instead of X.
    settings
        Settings of :class:`scgarage.models.Garage`.
    n_pcs
        Number of components.
    random_state
        Seed.

    Returns
    -------
    pandas.DataFrame
        A row for each method and metric: ``method``, ``metric``, ``value``, ``n_cells``. Metrics: ``"correlation"`` of
        the mean changes from the start over genes, ``"error"`` of the means (root mean square over genes, log1p
        CP10k), ``"sliced_wasserstein"`` and ``"c2st_logistic"`` of the cells.

    Raises
    ------
    InputError
        If values are no counts, or a state is missing or has fewer than 30 cells.
    """
    states = column(adata, labels_key)
    cells = read_cells(adata, layer=layer)
    if cells.kind != "counts" or len({start, middle, end}) < 3:
        msg = f"generate_between needs counts and three different states; found {start!r}, {middle!r} and {end!r}"
        raise InputError(msg)
    for name in (start, middle, end):
        require(states == name, MIN_CELLS, f"state {name!r} of {labels_key!r}")
    rng = np.random.default_rng(random_state)
    expr, counts = cells.log_expr, cells.csr
    between, floor, real = pieces(states == middle, 3, rng)
    # A half of each end fits the judge's components; the start's also tells real changes.
    given, aside = zip(*(pieces(states == name, 2, rng) for name in (start, end)), strict=True)
    train = np.setdiff1d(np.flatnonzero(states != middle), np.concatenate(aside))
    times = rng.random(len(real))
    model = make_garage(settings, random_state)
    model.fit(adata[train].copy(), labels_key=labels_key, layer=layer, options=QUIET)
    space = Components.fit(expr[np.concatenate([between, *aside])], n_pcs, random_state=random_state)
    one, other = (counts[rng.choice(rows, len(times))] for rows in given)
    mixed = log1p_cp10k(mix_counts(one, other, times, rng))
    made = {
        "garage": read_cells(interpolate_types(model, start, end, times, random_state=random_state)).log_expr,
        "mixed counts": mixed,
        "nearest observed": expr[train][_nearest(space.transform(mixed), space.transform(expr[train]))],
        "ends": expr[np.concatenate([rows[: -(-len(real) // 2)] for rows in given])],
        "floor": expr[floor],
    }
    base = {"given": means(expr[given[0]]), "aside": means(expr[aside[0]])}
    rows = [
        {"method": method, "metric": metric, "value": value, "n_cells": cells.shape[0]}
        for method, cells in made.items()
        for metric, value in _metrics(expr[real], cells, base, space, random_state).items()
    ]
    return pd.DataFrame(rows)


def _metrics(
    real: sparse.csr_matrix,
    cells: sparse.csr_matrix,
    base: Mapping[str, NDArray[np.float64]],
    space: Components,
    random_state: int,
) -> dict[str, float]:
    """Compare changes from start cells that were given with those from start cells that were not, and the cells."""
    found, truth = means(cells) - base["given"], means(real) - base["aside"]
    changes = {
        "correlation": float(np.corrcoef(found, truth)[0, 1]),
        "error": float(np.sqrt(np.mean((found - truth) ** 2))),
    }
    return changes | compare(real, cells, space, random_state=random_state)


def _nearest(cells: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the row of the nearest of the others for each cell."""
    return np.asarray(pairwise_distances_argmin(cells, others), dtype=np.int64)
