"""Gene selection by loadings on the first principal components."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.preprocess import Components

__all__ = ["N_COMPONENTS", "pca_loading_score"]

N_COMPONENTS = 3
"""Components whose loadings are added: the number in the GARAGE documents."""


def pca_loading_score(
    log_expr: sparse.csr_matrix | NDArray[np.floating[Any]], *, random_state: int = 0
) -> NDArray[np.float64]:
    r"""Score genes by the sum of their absolute loadings on the first three principal components.

    .. math:: s_j = |w_{1j}| + |w_{2j}| + |w_{3j}|

    with axes :math:`w_k` of length 1, each counted alike. The components are those of log1p CP10k, not
    scaled. (The published Python code takes the largest of the three, the documents their sum.)

    Parameters
    ----------
    log_expr
        log1p CP10k, (n_cells, n_genes); sparse values stay sparse.
    random_state
        Seed of the iterative solver; it changes the last digits only.

    Returns
    -------
    numpy.ndarray
        float64, (n_genes,), [0, sqrt(3)]; minus infinity for genes without expression.

    Raises
    ------
    InputError
        If there are fewer than three cells or two genes, or all cells are the same.

    References
    ----------
    GARAGE, doi:10.1101/2025.09.28.679012 and its repository, data_validation/feature_selection.py.
    """
    axes = Components.fit(log_expr, N_COMPONENTS, random_state=random_state).axes
    silent = np.asarray((log_expr > 0).sum(axis=0)).ravel() == 0
    return np.where(silent, -np.inf, np.abs(axes).sum(axis=0, dtype=np.float64))
