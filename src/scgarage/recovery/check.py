"""Check on the user's own data whether imputation helps."""

from collections.abc import Mapping, Sequence
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import track
from scipy import sparse

from scgarage.errors import InputError
from scgarage.imputers import IMPUTERS, Imputer, imputer_class
from scgarage.imputers.cells import label_column
from scgarage.imputers.clusters import leiden_clusters, neighbour_adjacency
from scgarage.preprocess import (
    Components,
    expression_matrix,
    log1p_cp10k,
    match_genes,
    select_hvg,
    validate_expression,
)
from scgarage.recovery.result import Recovery
from scgarage.recovery.scenarios import SCENARIOS, Subject
from scgarage.schema import ValueKind

__all__ = ["check_imputation"]

COUNTS: tuple[ValueKind, ...] = ("counts",)


def check_imputation(
    adata: ad.AnnData,
    methods: Sequence[str] | Mapping[str, Imputer] | None = None,
    *,
    labels_key: str | None = None,
    batch_key: str | None = None,
    layer: str | None = None,
    deeper: ad.AnnData | None = None,
    scenarios: Sequence[str] | None = None,
    n_top_genes: int = 2000,
    random_state: int = 0,
    progress: bool = False,
) -> Recovery:
    """Check whether imputation recovers what was not measured, and what it invents.

    Every method is fitted anew in each scenario:

    - ``masked``: a tenth of the non-zero entries is set to zero, imputed and compared with what it was;
    - ``thinned``: half of the molecules, imputed, against the other half; log-fold changes of markers against theirs;
    - ``whole``: all cells, without types: ARI of clusters (Leiden, as many as types), correlation of decoys (genes
      shuffled within types) with other genes, differences between random halves of the largest types;
    - ``apart``: random halves of the cells imputed each on its own, differences between them;
    - ``told``: random halves given as types to methods that use types, differences between them;
    - ``deeper``: against a deeper measurement, if there is one: of the same cells entry by entry, of other cells of the
      same types by type.

    Parameters
    ----------
    adata
        Whole counts, ``(n_cells, n_genes)``; not changed.
    methods
        Names from ``scgarage.imputers.IMPUTERS``, all by default; or names of your choice with unfitted imputers.
        ``"none"`` is added.
    labels_key, batch_key
        Columns of ``obs`` with type and batch. Without types there is no ARI, and clusters of the observed cells take
        their place for false signals.
    layer
        Layer with the counts; ``X`` by default.
    deeper
        Counts of the same genes measured deeper, in the same cells (by name); or in other cells, with their types in
        the column ``labels_key``.
    scenarios
        Names of scenarios; all by default.
    n_top_genes
        Highly variable genes to impute and compare.
    random_state
        Seed of everything that is held out.
    progress
        Whether to show a progress bar.

    Returns
    -------
    Table and recommendation.

    Raises
    ------
    InputError
        If the data cannot be used or an argument is unknown.

    Examples
    --------
    >>> import scgarage as sg
    >>> cells = sg.datasets.simulate(n_cells=90, n_genes=60, n_types=2)
    >>> result = check_imputation(cells, ["knn"], labels_key="cell_type", scenarios=["masked"])
    >>> list(result.table.index)
    ['none', 'knn']
    """
    imputers = _imputers(methods)
    chosen = _scenarios(scenarios)
    counts = _counts(adata, layer)
    genes, types = _genes_and_types(counts, label_column(adata, labels_key), n_top_genes, random_state)
    subject = Subject(
        counts=counts,
        genes=genes,
        types=types,
        batches=label_column(adata, batch_key),
        labelled=labels_key is not None,
        random_state=random_state,
        **({} if deeper is None else _deeper(deeper, adata, layer, labels_key)),
    )
    rows: dict[str, dict[str, float]] = {name: {} for name in imputers}
    work = [(name, scenario) for name in imputers for scenario in chosen]
    for name, scenario in track(work, description="Checking", disable=not progress, transient=True):
        rows[name] |= SCENARIOS[scenario](subject, imputers[name])
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
    settings = {
        "labels_key": labels_key,
        "batch_key": batch_key,
        "layer": layer,
        "scenarios": chosen,
        "n_cells": int(subject.counts.shape[0]),
        "n_genes": len(subject.genes),
        "random_state": random_state,
    }
    return Recovery(table, settings)


def _imputers(methods: Sequence[str] | Mapping[str, Imputer] | None) -> dict[str, Imputer]:
    names = list(IMPUTERS) if methods is None else methods
    given = dict(names) if isinstance(names, Mapping) else {name: imputer_class(name)() for name in names}
    return {"none": IMPUTERS["none"]()} | given


def _scenarios(names: Sequence[str] | None) -> list[str]:
    unknown = [name for name in names or () if name not in SCENARIOS]
    if unknown or (names is not None and not len(names)):
        msg = f"scenarios holds {unknown}; expected names among: {', '.join(SCENARIOS)}"
        raise InputError(msg)
    return [name for name in SCENARIOS if names is None or name in names]


def _counts(adata: ad.AnnData, layer: str | None) -> sparse.csr_matrix:
    validate_expression(adata, layer, accept=COUNTS, warn_silent_genes=False)
    return sparse.csr_matrix(expression_matrix(adata, layer), dtype=np.float32)


def _genes_and_types(
    counts: sparse.csr_matrix, types: NDArray[np.str_] | None, n_top_genes: int, random_state: int
) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Return the columns to look at, and clusters where there are no types."""
    log_expr = log1p_cp10k(counts)
    genes = np.flatnonzero(select_hvg(log_expr, n_top_genes))
    if types is None:
        points = Components.fit(log_expr[:, genes], 30, random_state=random_state).transform(log_expr[:, genes])
        types = leiden_clusters(neighbour_adjacency(points), random_state=random_state).astype(np.str_)
    return genes, types


def _deeper(deeper: ad.AnnData, adata: ad.AnnData, layer: str | None, labels_key: str | None) -> dict[str, Any]:
    """Return the counts of the deeper measurement, and types when its cells are others."""
    deeper = match_genes(deeper, adata.var_names, what="the deeper measurement")
    missing = adata.obs_names.difference(deeper.obs_names)
    if len(missing) == adata.n_obs and labels_key is not None:
        return {"deeper": _counts(deeper, layer), "deeper_types": label_column(deeper, labels_key)}
    if len(missing):
        msg = (
            f"the deeper measurement lacks {len(missing):,} of {adata.n_obs:,} cells (first: '{missing[0]}'); "
            "it needs all cells, or none of them and labels_key="
        )
        raise InputError(msg)
    return {"deeper": _counts(deeper[adata.obs_names].copy(), layer)}
