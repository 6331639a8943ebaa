"""Components in which rare types count as much as abundant ones, with labels or without."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.preprocess.communities import communities
from scgarage.preprocess.pca import Components

__all__ = ["balanced_components"]


def balanced_components(
    log_expr: sparse.csr_matrix | NDArray[np.floating],
    n_components: int = 50,
    *,
    labels: NDArray[np.str_] | None = None,
    resolution: float = 2.0,
    random_state: int = 0,
) -> Components:
    """Fit components in which every type, or without labels every community, has the same weight.

    Without labels there are two rounds: communities are found on ordinary components, and the components are fitted
    anew with each community counting the same. Sparse regions then weigh more than their cells do, so that the axes
    that tell a small community apart are among the components. Distances on them find rare cells more often than on
    ordinary components, clusters do not: those follow the noise of small communities (measured, docs/research/log.md).

    Parameters
    ----------
    log_expr
        log1p CP10k of training cells, shape ``(n_cells, n_genes)``.
    n_components
        Number of axes.
    labels
        Cell types, shape ``(n_cells,)``, or ``None`` for communities in their place.
    resolution
        Leiden resolution of these communities.
    random_state
        Seed.

    Raises
    ------
    InputError
        As :meth:`Components.fit` and :func:`communities`.

    Examples
    --------
    >>> expr = np.random.default_rng(0).random((20, 5))
    >>> balanced_components(expr, 2, labels=np.repeat(["B", "T"], 10)).axes.shape
    (2, 5)
    """
    if labels is None:
        points = Components.fit(log_expr, n_components, random_state=random_state).transform(log_expr)
        labels = communities(points, (resolution,), random_state=random_state)[0].astype(str)
    return Components.fit(log_expr, n_components, labels=labels, random_state=random_state)
