"""Cluster one set of labelled cells."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from anndata import AnnData

from scgarage.evaluation.cells import Cells
from scgarage.schema import UNSURE
from scgarage.structure.clustering import ClusterSettings, score_structure
from scgarage.structure.labelled import check_counts, read_cells
from scgarage.structure.leiden import RESOLUTIONS
from scgarage.structure.resolution import Choose
from scgarage.structure.selection import Selection, choose_selections, select_genes

__all__ = ["COLUMNS", "structure"]

COLUMNS = (
    "selection",
    "n_genes",
    "resolution",
    "n_clusters",
    "ari",
    "nmi",
    "macro_f1",
    "silhouette",
    "repeat",
    "chosen_by",
    "n_cells",
    "n_unsure",
)
"""Columns of the table, in order."""


def structure(
    cells: AnnData,
    *,
    labels_key: str,
    selection: Selection = "all",
    n_top_genes: int | Sequence[int] = (100,),
    choose: Choose = "silhouette",
    legacy: bool = False,
    n_types: int | None = None,
    resolutions: Sequence[float] = RESOLUTIONS,
    layer: str | None = None,
    max_cells: int = 2000,
    n_repeats: int = 3,
    random_state: int = 0,
) -> pd.DataFrame:
    """Measure how well Leiden clusters of selected genes find the cell types.

    Genes are selected on these very cells, which are then clustered in their own 20 principal components at
    every resolution. The labels score the clusters; they do not choose them, unless ``legacy=True``.

    Parameters
    ----------
    cells
        Real or synthetic cells, counts or log-normalised values; not changed.
    labels_key
        Column of ``obs`` with the types. Cells without one or labelled "unsure" are clustered, not scored.
    selection
        ``"cv2"``, ``"fano"``, ``"pca_loading"`` or ``"all"`` three.
    n_top_genes
        Numbers of genes; fewer where fewer are expressed.
    choose
        Resolution: ``"silhouette"``, the highest mean silhouette; or ``"n_types"``, the number of clusters
        nearest to ``n_types``.
    legacy
        The resolution with the best ARI against the labels, as published. Optimistic; the table says so.
    n_types
        Number of types to expect, used by ``choose="n_types"`` only; by default as many as labels.
    resolutions
        Leiden resolutions.
    layer
        Layer with the values; ``X`` by default.
    max_cells
        Cells that a repeat clusters at most, drawn anew each time.
    n_repeats
        Number of repeats. With ``max_cells`` cells or fewer only the seeds of the algorithms differ.
    random_state
        Seed.

    Returns
    -------
    pandas.DataFrame
        One row for each selection, number of genes and repeat: ``selection``, ``n_genes`` (used),
        ``resolution``, ``n_clusters``, ``ari``, ``nmi``, ``macro_f1`` (clusters matched to types),
        ``silhouette``, ``repeat``, ``chosen_by``, ``n_cells`` and ``n_unsure`` of them that are not scored.

    Raises
    ------
    InputError
        If labels are missing, values cannot be used or an argument is out of range.

    Examples
    --------
    >>> import scgarage as sg
    >>> from scgarage.structure import structure
    >>> cells = sg.datasets.simulate(120, 60, 3)
    >>> table = structure(cells, labels_key="cell_type", selection="fano", n_top_genes=30, n_repeats=1)
    >>> bool(table.loc[0, "ari"] > 0.8), table.loc[0, "chosen_by"]
    (True, 'silhouette')
    """
    check_counts(n_repeats=n_repeats, max_cells=max_cells)
    wanted = choose_selections(selection, n_top_genes)
    known = read_cells(cells, labels_key, layer)
    types = tuple(np.unique(known.labels[known.labels != UNSURE]).tolist())
    settings = ClusterSettings(
        types=types, n_types=len(types) if n_types is None else n_types, choose=choose, legacy=legacy,
        resolutions=resolutions,
    )  # fmt: skip
    rows = []
    for name, number in wanted:
        genes = select_genes(known.log_expr, number, selection=name)  # type: ignore[arg-type]
        narrow = Cells(known.log_expr[:, genes], known.labels)
        for repeat, seed in enumerate(np.random.SeedSequence(random_state).spawn(n_repeats)):
            rng = np.random.default_rng(seed)
            sample = narrow.draw(max_cells, rng) if len(narrow) > max_cells else narrow
            scores = score_structure(sample, settings, random_state=int(rng.integers(2**31)))
            about = {"selection": name, "n_genes": len(genes), "repeat": repeat, "chosen_by": settings.chosen_by}
            sizes = {"n_cells": len(sample), "n_unsure": int((sample.labels == UNSURE).sum())}
            rows.append(about | scores | sizes)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"n_clusters": int})
