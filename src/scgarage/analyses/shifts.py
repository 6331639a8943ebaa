"""Mean shifts between groups of cells, and what the analyses share."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.io.cells import obs_column
from scgarage.metrics.classifier import c2st_logistic
from scgarage.metrics.distances import sliced_wasserstein
from scgarage.models import FitOptions, Garage
from scgarage.pp import Components

QUIET = FitOptions(progress=False, accelerator="cpu")


column = partial(
    obs_column,
    absent="adata.obs[{key!r}]: no such column; available: {columns}",
    gaps="adata.obs[{key!r}]: missing values; available: {columns}",
)
"""Return a complete column of obs as text, (n_cells,)."""


def require(found: NDArray[np.bool_], n_cells: int, what: str) -> None:
    """Raise unless enough cells are what is asked for."""
    if int(found.sum()) < n_cells:
        msg = f"{what}: found {int(found.sum())} cells, expected at least {n_cells}"
        raise InputError(msg)


def pieces(mask: NDArray[np.bool_], n: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Divide the rows of the chosen cells at random into ``n`` parts of equal size, give or take one."""
    return [np.asarray(rows) for rows in np.array_split(rng.permutation(np.flatnonzero(mask)), n)]


def means(log_expr: sparse.csr_matrix) -> NDArray[np.float64]:
    """Return the mean of each gene, (n_genes,)."""
    return np.asarray(log_expr.mean(axis=0), dtype=np.float64).ravel()


def compare(
    real: sparse.csr_matrix, made: sparse.csr_matrix, space: Components, *, random_state: int = 0
) -> dict[str, float]:
    """Return distances between real and made cells, log1p CP10k of all genes, in components of other real cells."""
    points = [space.transform(side) for side in (real, made)]
    return {
        "sliced_wasserstein": sliced_wasserstein(*points, random_state=random_state),
        "c2st_logistic": c2st_logistic(*points, random_state=random_state),
    }


def make_garage(settings: Mapping[str, Any] | None, random_state: int) -> Garage:
    """Return an unfitted model."""
    return Garage(**{"random_state": random_state} | dict(settings or {}))


Shifts = dict[str, NDArray[np.float64]]


def mean_shifts(
    log_expr: sparse.csr_matrix, types: NDArray[np.str_], batches: NDArray[np.str_], pair: tuple[str, str]
) -> tuple[Shifts, NDArray[np.float64]]:
    r"""Return the difference of the means of two batches, for each type that both have, and its mean over types.

    .. math:: s_t = \bar x_{t, \mathrm{to}} - \bar x_{t, \mathrm{from}}

    Parameters
    ----------
    log_expr
        log1p CP10k, CSR (n_cells, n_genes).
    types, batches
        Of each cell, (n_cells,).
    pair
        Batch from which, and to which.

    Returns
    -------
    tuple
        Shift of each type, (n_genes,), and the mean over types, every type counting the same; zeros when the batches
        share no type.
    """
    found: Shifts = {}
    for name in np.unique(types).tolist():
        rows = [np.flatnonzero((types == name) & (batches == batch)) for batch in pair]
        if all(map(len, rows)):
            before, after = (means(log_expr[own]) for own in rows)
            found[name] = after - before
    overall = np.mean(list(found.values()), axis=0) if found else np.zeros(log_expr.shape[1])
    return found, overall


def shifted(
    log_expr: sparse.csr_matrix, types: NDArray[np.str_], shifts: Shifts, overall: NDArray[np.float64]
) -> sparse.csr_matrix:
    """Return cells moved by the shift of their type, by the overall one where it has none; nothing falls below 0."""
    moves = np.stack([shifts.get(name, overall) for name in np.unique(types).tolist()])
    codes = np.unique(types, return_inverse=True)[1]
    return sparse.csr_matrix(np.maximum(log_expr.toarray() + moves[codes], 0).astype(np.float32))
