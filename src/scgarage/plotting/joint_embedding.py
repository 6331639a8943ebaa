"""UMAP coordinates of real and synthetic cells, fitted together."""

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.plotting.expression import log_expression
from scgarage.preprocess import Components, match_genes, select_hvg
from scgarage.schema import REAL, SYNTHETIC

__all__ = ["joint_embedding"]


def joint_embedding(
    real: ad.AnnData,
    synthetic: ad.AnnData,
    *,
    train: ad.AnnData | None = None,
    labels_key: str | None = None,
    layer: str | None = None,
    n_top_genes: int = 1000,
    n_pcs: int = 50,
    n_neighbors: int = 15,
    max_cells: int = 2000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Embed equal numbers of real and synthetic cells in one UMAP.

    The space is that of the judge: log1p CP10k, the highly variable genes of the training cells, principal
    components of the real held-out cells. Neighbours and UMAP then see both sources at once, so cells that
    differ lie apart.

    Parameters
    ----------
    real
        Held-out real cells; counts or log1p CP10k.
    synthetic
        Synthetic cells with the same genes, in any order.
    train
        Cells on which the highly variable genes are chosen; ``real`` by default.
    labels_key
        Column of ``obs`` with cell types; a source without it gets missing values.
    layer
        Layer with the values, where a source has it; else ``X``.
    n_top_genes, n_pcs, n_neighbors
        Number of highly variable genes, of principal components and of neighbours.
    max_cells
        Largest number of cells of each source; the number drawn is the same for both.
    random_state
        Seed of the draw, of the PCA and of UMAP.

    Returns
    -------
    Columns ``umap1``, ``umap2`` (float32), ``source`` and ``cell_type`` (str or missing), one row a cell,
    real cells first, indexed by cell name.

    Raises
    ------
    InputError
        When there are fewer than five cells of a source or the genes do not match.

    References
    ----------
    McInnes et al., UMAP, 2018, arXiv:1802.03426.
    """
    n_cells = min(real.n_obs, synthetic.n_obs, max_cells)
    if n_cells < 5:
        found = f"{real.n_obs} real and {synthetic.n_obs} synthetic"
        msg = f"a joint embedding needs at least 5 cells of each source; found {found}"
        raise InputError(msg)
    rng = np.random.default_rng(random_state)
    synthetic = match_genes(synthetic, real.var_names)
    parts = {REAL: _draw(real, n_cells, rng), SYNTHETIC: _draw(synthetic, n_cells, rng)}
    log_train = log_expression(real if train is None else match_genes(train, real.var_names), layer)
    genes = np.flatnonzero(select_hvg(log_train, n_top_genes))
    log_expr = {source: log_expression(cells, layer)[:, genes] for source, cells in parts.items()}
    components = Components.fit(log_expr[REAL], n_pcs, random_state=random_state)
    scores = np.vstack([components.transform(matrix) for matrix in log_expr.values()])
    coordinates = _umap(scores, n_neighbors, random_state)
    frame = pd.DataFrame(
        {
            "umap1": coordinates[:, 0],
            "umap2": coordinates[:, 1],
            "source": np.repeat([REAL, SYNTHETIC], n_cells),
        },
        index=np.concatenate([cells.obs_names for cells in parts.values()]),
    )
    frame["cell_type"] = np.concatenate([_labels(cells, labels_key) for cells in parts.values()])
    return frame


def _draw(cells: ad.AnnData, n_cells: int, rng: np.random.Generator) -> ad.AnnData:
    return cells[np.sort(rng.choice(cells.n_obs, n_cells, replace=False))]


def _labels(cells: ad.AnnData, labels_key: str | None) -> NDArray[np.object_]:
    if labels_key is None or labels_key not in cells.obs:
        return np.full(cells.n_obs, None, dtype=object)
    labels = cells.obs[labels_key]
    return np.asarray(labels.astype(object).where(labels.notna(), None), dtype=object)


def _umap(scores: NDArray[np.float32], n_neighbors: int, random_state: int) -> NDArray[np.float32]:
    table = ad.AnnData(obs=pd.DataFrame(index=[str(i) for i in range(len(scores))]), obsm={"X_pca": scores})
    with warnings.catch_warnings():
        # umap and numba announce deprecations and the one thread that a fixed seed costs: nothing to act on.
        warnings.simplefilter("ignore")
        sc.pp.neighbors(
            table, n_neighbors=min(n_neighbors, len(scores) - 1), use_rep="X_pca", random_state=random_state
        )
        sc.tl.umap(table, random_state=random_state)
    return np.asarray(table.obsm["X_umap"], dtype=np.float32)
