"""What selectors read off the cells: expression, and coordinates in which distances are taken."""

import anndata as ad
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.preprocess import balanced_components, expression_matrix, value_kind

__all__ = ["log_expression", "points_of"]


def points_of(
    adata: ad.AnnData, use_rep: str | None, *, labels: NDArray[np.str_] | None = None, random_state: int = 0
) -> NDArray[np.floating]:
    """Return coordinates of the cells, shape ``(n_cells, n_dims)``.

    Parameters
    ----------
    adata
        Annotated cells.
    use_rep
        Slot of ``obsm``; ``None`` for 50 components of ``X`` in which every type, or without ``labels`` every
        community, counts the same (:func:`scgarage.preprocess.balanced_components`).
    labels
        Cell types, shape ``(n_cells,)``.
    random_state
        Seed.

    Raises
    ------
    InputError
        When the slot is missing, or ``X`` holds counts.
    """
    if use_rep is None:
        log_expr = log_expression(adata)
        return balanced_components(log_expr, labels=labels, random_state=random_state).transform(log_expr)
    if use_rep not in adata.obsm:
        found = ", ".join(map(repr, adata.obsm)) or "none"
        msg = f"adata.obsm has no {use_rep!r}; compute it with sc.pp.pca(adata) or pass use_rep=, available: {found}"
        raise InputError(msg)
    return np.asarray(adata.obsm[use_rep])


def log_expression(adata: ad.AnnData) -> sparse.csr_matrix | NDArray[np.floating]:
    """Return log1p CP10k from ``X``, shape ``(n_cells, n_genes)``.

    Raises
    ------
    InputError
        When ``X`` holds counts or values that are not finite.
    """
    if value_kind(adata) == "counts":
        msg = (
            "adata.X holds counts and log-normalised values are expected; "
            "normalise first: adata.X = sg.pp.log1p_cp10k(adata.X)"
        )
        raise InputError(msg)
    return expression_matrix(adata)
