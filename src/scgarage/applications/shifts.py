"""The simple baseline: what changes from one batch to another, by means."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.applications.cells import means

__all__ = ["mean_shifts", "shifted"]

Shifts = dict[str, NDArray[np.float64]]


def mean_shifts(
    log_expr: sparse.csr_matrix,
    types: NDArray[np.str_],
    batches: NDArray[np.str_],
    pair: tuple[str, str],
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
