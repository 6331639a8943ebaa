"""What the applications share: log expression, columns of obs, a space of held-out cells, a fitted Garage."""

from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.metrics.classifier import c2st_logistic
from scgarage.metrics.sliced import sliced_wasserstein
from scgarage.models import FitOptions, Garage
from scgarage.preprocess import Components, expression_matrix, log1p_cp10k, value_kind

__all__ = ["QUIET", "column", "compare", "log_expression", "make_garage", "means", "pieces", "require"]

QUIET = FitOptions(progress=False, accelerator="cpu")


def log_expression(adata: ad.AnnData, layer: str | None = None) -> sparse.csr_matrix:
    """Return log1p CP10k, CSR float32 (n_cells, n_genes); log-normalised values are taken as they are."""
    values = sparse.csr_matrix(expression_matrix(adata, layer))
    return log1p_cp10k(values) if value_kind(adata, layer) == "counts" else values.astype(np.float32)


def column(adata: ad.AnnData, key: str) -> NDArray[np.str_]:
    """Return a complete column of obs as text, (n_cells,)."""
    if key not in adata.obs or adata.obs[key].isna().any():
        what = "missing values" if key in adata.obs else "no such column"
        msg = f"adata.obs[{key!r}]: {what}; available: {', '.join(map(repr, adata.obs.columns)) or 'none'}"
        raise InputError(msg)
    return np.asarray(adata.obs[key].astype(str), dtype=np.str_)


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
