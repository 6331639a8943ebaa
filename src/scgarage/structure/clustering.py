"""One set of cells and genes: components, clusters, resolution, scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scgarage.evaluation.cells import Cells
from scgarage.preprocess import Components, communities
from scgarage.schema import UNSURE
from scgarage.structure.agreement import ari, macro_f1, nmi
from scgarage.structure.leiden import RESOLUTIONS, silhouettes
from scgarage.structure.resolution import ON_TRUTH, Choose, choose_resolution, count_clusters

__all__ = ["ClusterSettings", "score_structure"]


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """How cells are clustered and which resolution is used.

    Attributes
    ----------
    types
        Types that macro-F1 averages over, whether or not a cell has them.
    n_types
        Number of types that the user expects; the labels do not enter.
    choose
        ``"silhouette"`` or ``"n_types"``.
    legacy
        Choose the resolution with the best ARI against the labels, as published, instead.
    resolutions
        Leiden resolutions.
    n_pcs
        Principal components, 20 as published; fewer where there are fewer cells or genes.
    n_neighbors
        Neighbours in the graph, 15 as in scanpy: the published 30 exceed many a rare type.
    """

    types: tuple[str, ...]
    n_types: int
    choose: Choose = "silhouette"
    legacy: bool = False
    resolutions: Sequence[float] = RESOLUTIONS
    n_pcs: int = 20
    n_neighbors: int = 15

    @property
    def chosen_by(self) -> str:
        """What the table says about the choice of the resolution."""
        return ON_TRUTH if self.legacy else self.choose


def score_structure(cells: Cells, settings: ClusterSettings, *, random_state: int) -> dict[str, float]:
    """Cluster cells in their own principal components and compare the clusters with the types.

    Cells labelled "unsure" are clustered, but not scored. Cells that are all the same are one cluster.

    Parameters
    ----------
    cells
        log1p CP10k of the selected genes, and types.
    settings
        How to cluster.
    random_state
        Seed of components, graph, clusters and of the cells that stand for all in silhouettes.

    Returns
    -------
    dict of float
        ``resolution``, ``n_clusters``, ``ari``, ``nmi``, ``macro_f1`` and ``silhouette``. The scores are NaN
        when no cell has a type, the silhouette when there is one cluster only.

    Raises
    ------
    InputError
        If there are fewer than three cells or two genes.
    """
    clusters, silhouette = _cluster(cells, settings, random_state)
    scored = cells.labels != UNSURE
    labels = cells.labels[scored]
    if settings.legacy and len(labels):
        row = int(np.argmax([ari(labels, partition[scored]) for partition in clusters]))
    else:
        row = choose_resolution(clusters, silhouette, choose=settings.choose, n_types=settings.n_types)
    return {
        "resolution": float(settings.resolutions[row]),
        "n_clusters": float(count_clusters(clusters[row : row + 1])[0]),
        **_agreement(labels, clusters[row, scored], settings.types),
        "silhouette": float(silhouette[row]),
    }


def _cluster(
    cells: Cells, settings: ClusterSettings, random_state: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return clusters at every resolution, (n_resolutions, n_cells), and their silhouettes."""
    spread = cells.log_expr.max(axis=0) - cells.log_expr.min(axis=0)
    if not spread.max() > 0:  # a collapsed generator gets a bad score instead of an error
        shape = (len(settings.resolutions), len(cells))
        return np.zeros(shape, dtype=np.intp), np.full(shape[0], np.nan)
    space = Components.fit(cells.log_expr, settings.n_pcs, random_state=random_state)
    points = space.transform(cells.log_expr)
    clusters = communities(points, settings.resolutions, n_neighbors=settings.n_neighbors, random_state=random_state)
    return clusters, silhouettes(points, clusters, random_state=random_state)


def _agreement(labels: NDArray[np.str_], clusters: NDArray[np.intp], types: tuple[str, ...]) -> dict[str, float]:
    if not len(labels):
        return dict.fromkeys(("ari", "nmi", "macro_f1"), float("nan"))
    return {
        "ari": ari(labels, clusters),
        "nmi": nmi(labels, clusters),
        "macro_f1": macro_f1(labels, clusters, types=types),
    }
