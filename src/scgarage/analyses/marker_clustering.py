"""The marker-gene clustering grid: selections of genes by numbers of genes, on real and synthetic cells."""

from collections.abc import Sequence
from functools import partial
from typing import Literal, TypeAlias, get_args

import pandas as pd
from anndata import AnnData

from scgarage.errors import InputError
from scgarage.judge.clusters import compare_clusters
from scgarage.judge.clusters.selection import Selection
from scgarage.judge.legacy.clustering import legacy_clusters
from scgarage.pp import Split

LegacySelection: TypeAlias = Literal["cv2", "fano", "pca_loading"]

N_GENES = (50, 100, 200, 500)
"""Numbers of genes; the published tables have 100."""


def marker_grid(
    synthetic: AnnData,
    split: Split,
    *,
    labels_key: str | None = None,
    selection: Selection = "all",
    n_genes: Sequence[int] = N_GENES,
    resolutions: Sequence[float] | None = None,
    layer: str | None = None,
    n_repeats: int = 3,
    random_state: int = 0,
) -> pd.DataFrame:
    """Cluster real and synthetic cells on selected genes, for each selection, number of genes and resolution.

    The genes are selected on the training cells; a resolution is given or chosen by silhouette, never by the labels
    that then score the clusters. Held-out real cells beside the synthetic ones are the floor.

    Parameters
    ----------
    synthetic
        Synthetic cells with types.
    split
        Real cells.
    labels_key
        Column of ``obs`` with the types; by default the one that the split knows.
    selection
        ``"cv2"``, ``"fano"``, ``"pca_loading"`` or ``"all"`` three.
    n_genes
        Numbers of genes.
    resolutions
        Leiden resolutions, each scored by itself; by default one is chosen by silhouette in every repeat.
    layer
        Layer with the values; ``X`` by default.
    n_repeats
        Repeats with other cells.
    random_state
        Seed.

    Returns
    -------
    pandas.DataFrame
        See :func:`scgarage.judge.clusters.compare_clusters`; with ``resolutions`` a column ``resolution`` in front, and
        ``chosen_by`` is ``"given"``.

    Raises
    ------
    InputError
        If cells cannot be compared or an argument is out of range.
    """
    compare = partial(
        compare_clusters, synthetic, split, labels_key=labels_key, selection=selection, n_top_genes=tuple(n_genes),
        layer=layer, n_repeats=n_repeats, random_state=random_state,
    )  # fmt: skip
    if resolutions is None:
        return compare()
    if not len(resolutions):
        msg = "resolutions is empty; expected at least one, or None to choose by silhouette"
        raise InputError(msg)
    parts = {resolution: compare(resolutions=(resolution,)) for resolution in resolutions}
    table = pd.concat(parts, names=["resolution"]).reset_index("resolution").reset_index(drop=True)
    return table.assign(chosen_by="given")


def legacy_grid(
    synthetic: AnnData,
    real: AnnData,
    *,
    labels_key: str,
    selection: Selection = "all",
    n_genes: Sequence[int] = (100,),
    sweep: bool = True,
    layer: str | None = None,
) -> pd.DataFrame:
    """Do the published clustering for each selection and number of genes: real cells, resolution chosen by the labels.

    Optimistic by construction; for comparison with the paper only. The rows with genes from real cells are the control
    that the paper's tables lack.

    Parameters
    ----------
    synthetic, real
        Synthetic cells, and real cells with types.
    labels_key
        Column of ``real.obs`` with the types.
    selection, n_genes
        As in :func:`marker_grid`.
    sweep
        Whether to sweep the resolution; the same for every method.
    layer
        Layer with the values; ``X`` by default.

    Returns
    -------
    pandas.DataFrame
        See :func:`scgarage.judge.legacy.legacy_clusters`.

    Raises
    ------
    InputError
        If genes or labels are missing or an argument is out of range.
    """
    names = get_args(LegacySelection) if selection == "all" else (selection,)
    if not len(n_genes):
        msg = "n_genes is empty; expected at least one number of genes"
        raise InputError(msg)
    parts = [
        legacy_clusters(
            synthetic, real, labels_key=labels_key, selection=name, n_genes=number, sweep=sweep, layer=layer
        )
        for name in names
        for number in n_genes
    ]
    return pd.concat(parts, ignore_index=True)
