"""Leiden clusters and their agreement with types."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from anndata import AnnData
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, pairwise_distances, silhouette_score
from sklearn.metrics.cluster import contingency_matrix

from scgarage.errors import InputError
from scgarage.io.cells import USABLE, as_text, read_cells
from scgarage.judge.evaluation.cells import Cells
from scgarage.metrics.metric import check_labels
from scgarage.pp import Components, communities
from scgarage.schema import UNSURE


def typed_cells(cells: AnnData, labels_key: str, layer: str | None) -> Cells:
    """Return log1p CP10k of all genes and the types; a cell without a type is "unsure"."""
    if labels_key not in cells.obs:
        columns = ", ".join(map(repr, cells.obs.columns)) or "none"
        msg = f"adata.obs has no {labels_key!r}; pass labels_key= one of: {columns}"
        raise InputError(msg)
    labels = as_text(cells.obs[labels_key])
    if (labels == UNSURE).all():
        msg = f"adata.obs[{labels_key!r}] gives no cell a type; there is nothing to compare clusters with"
        raise InputError(msg)
    return Cells(read_cells(cells, layer=layer, accept=USABLE).log_expr, labels)


RESOLUTIONS = tuple(float(value) for value in np.round(np.geomspace(0.05, 4.0, 24), 3))
"""Resolutions of the sweep: from one or two clusters to dozens, each 1.2 times the last."""

SILHOUETTE_CELLS = 1_000
"""Cells among which silhouettes are computed at most."""


def silhouettes(
    points: NDArray[np.floating[Any]], clusters: NDArray[np.intp], *, random_state: int = 0
) -> NDArray[np.float64]:
    r"""Return the mean silhouette of each of several partitions of the same cells.

    .. math:: s_i = \frac{b_i - a_i}{\max(a_i, b_i)}

    with :math:`a_i` the mean distance to the cells of the same and :math:`b_i` to those of the nearest other
    cluster. At most :data:`SILHOUETTE_CELLS` cells, drawn at random, stand for all; their distances are
    computed once.

    References
    ----------
    Rousseeuw, Journal of Computational and Applied Mathematics 1987, doi:10.1016/0377-0427(87)90125-7.
    """
    rows = np.sort(np.random.default_rng(random_state).permutation(len(points))[:SILHOUETTE_CELLS])
    distances = pairwise_distances(np.asarray(points, dtype=np.float64)[rows])
    np.fill_diagonal(distances, 0.0)
    means = np.full(len(clusters), np.nan)
    for number, partition in enumerate(clusters[:, rows]):
        if 1 < len(np.unique(partition)) < len(rows):
            means[number] = silhouette_score(distances, partition, metric="precomputed")
    return means


def ari(labels: ArrayLike, clusters: ArrayLike) -> float:
    r"""Return the adjusted Rand index.

    .. math:: \frac{R - E R}{\max R - E R}

    with :math:`R` the number of pairs of cells that are together in both partitions and expectations over
    random partitions with the same sizes.

    Parameters
    ----------
    labels
        Type of each cell, (n_cells,).
    clusters
        Cluster of each cell, (n_cells,).

    Returns
    -------
    float
        1 for the same partition, 0 on average for random clusters, at least -0.5.

    Raises
    ------
    InputError
        If there are no cells, a label is missing or the lengths differ.

    References
    ----------
    Hubert and Arabie, Journal of Classification 1985, doi:10.1007/BF01908075.

    Examples
    --------
    >>> ari(["B", "B", "T", "T"], [1, 1, 0, 0])
    1.0
    """
    return float(adjusted_rand_score(*_check(labels, clusters)))


def nmi(labels: ArrayLike, clusters: ArrayLike) -> float:
    r"""Return the normalised mutual information.

    .. math:: \frac{2 I(T; C)}{H(T) + H(C)}

    It is not corrected for chance: many small clusters raise it.

    Parameters
    ----------
    labels
        Type :math:`T` of each cell, (n_cells,).
    clusters
        Cluster :math:`C` of each cell, (n_cells,).

    Returns
    -------
    float
        In [0, 1]; 1 for the same partition.

    Raises
    ------
    InputError
        If there are no cells, a label is missing or the lengths differ.

    References
    ----------
    Vinh et al., JMLR 2010, https://jmlr.org/papers/v11/vinh10a.html.
    """
    return float(normalized_mutual_info_score(*_check(labels, clusters)))


def macro_f1(labels: ArrayLike, clusters: ArrayLike, *, types: Sequence[str] | None = None) -> float:
    r"""Return the mean F1 of the cell types after matching clusters to types one to one.

    .. math:: \frac{1}{|T|} \max_\pi \sum_{t \in T} \frac{2 n_{t \pi(t)}}{n_t + n_{\pi(t)}}

    where :math:`\pi` gives each type a cluster of its own (Hungarian algorithm) and :math:`n` counts cells. A type
    without a cluster counts as 0. The cells of a cluster without a type are misses of their types, because
    :math:`n_t` counts them. The sum of F1 itself is maximised, so ties between matchings change nothing.

    Parameters
    ----------
    labels
        Type of each cell, (n_cells,).
    clusters
        Cluster of each cell, (n_cells,).
    types
        Types to average over; those that no cell has count as 0. By default the types in ``labels``; types
        in ``labels`` are always averaged over.

    Returns
    -------
    float
        In [0, 1]; 1 for the same partition.

    Raises
    ------
    InputError
        If there are no cells, a label is missing or the lengths differ.

    References
    ----------
    Kuhn, Naval Research Logistics Quarterly 1955, doi:10.1002/nav.3800020109.

    Examples
    --------
    >>> macro_f1(["B", "B", "T", "T"], [7, 7, 7, 7])  # B or T has the cluster: F1 2/3, the other 0
    0.3333333333333333
    """
    labels, clusters = _check(labels, clusters)
    together = contingency_matrix(labels, clusters)  # (n_types, n_clusters)
    f1 = 2.0 * together / (together.sum(axis=1, keepdims=True) + together.sum(axis=0, keepdims=True))
    matched = linear_sum_assignment(f1, maximize=True)
    n_types = len(set(labels) | set(types or ()))
    return float(f1[matched].sum() / n_types)


def _check(labels: ArrayLike, clusters: ArrayLike) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    checked = check_labels("labels", labels), check_labels("clusters", clusters)
    if len(checked[0]) != len(checked[1]):
        msg = f"labels has {len(checked[0])} entries and clusters {len(checked[1])}; expected one each per cell"
        raise InputError(msg)
    return checked


Choose: TypeAlias = Literal["silhouette", "n_types"]
"""What decides about the resolution."""

CHOICES: tuple[Choose, ...] = ("silhouette", "n_types")

ON_TRUTH = "legacy: chosen on the truth (best ARI), optimistic"
"""What ``chosen_by`` says about numbers whose resolution was chosen by the labels that then score it."""


def count_clusters(clusters: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the number of clusters of each partition, (n_partitions, n_cells) -> (n_partitions,)."""
    ordered = np.sort(clusters, axis=1)
    return np.asarray((np.diff(ordered, axis=1) != 0).sum(axis=1) + 1, dtype=np.intp)


def choose_resolution(
    clusters: NDArray[np.intp], silhouette: NDArray[np.float64], *, choose: Choose, n_types: int
) -> int:
    """Return the position of the partition to use, without any label."""
    if choose not in CHOICES:
        msg = f"choose is {choose!r}; expected one of: {', '.join(CHOICES)} (or legacy=True to use the truth)"
        raise InputError(msg)
    if n_types < 1:
        msg = f"n_types is {n_types}; expected at least 1"
        raise InputError(msg)
    quality = np.nan_to_num(silhouette, nan=-2.0)  # below any silhouette
    if choose == "n_types":
        away = np.abs(count_clusters(clusters) - n_types)
        quality = np.where(away == away.min(), quality, -np.inf)
    return int(quality.argmax())


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
    """Cluster cells in their own principal components and compare the clusters with the types."""
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
