"""The published clustering protocol."""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from scgarage.errors import InputError
from scgarage.io.cells import USABLE, expression_matrix, match_genes, read_cells
from scgarage.judge.clusters.clustering import ON_TRUTH, ari, count_clusters, macro_f1, nmi, typed_cells
from scgarage.judge.clusters.selection import N_COMPONENTS, rank_genes
from scgarage.pp import Components, communities

_TINY = 1e-8
_QUANTILES = np.arange(0.1, 1.0, 0.05)


def legacy_cv2_score(values: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Score genes as the function that is called CV2 in the published code.

    .. math:: s_j = |d_j - \mathrm{med}_{b(j)} d| \, / \, \mathrm{MAD}_{b(j)} d, \quad d_j = v_j / m_j

    It is no coefficient of variation but a Fano factor, standardised in 19 bins :math:`b` of the mean (bounds
    at its quantiles 0.10, 0.15 ... 0.95). The absolute value selects unusually *steady* genes too.

    References
    ----------
    GARAGE repository, data_validation/feature_selection.py (after feature_selection.R).
    """
    mean = values.mean(axis=0)
    dispersion = pd.Series(values.var(axis=0, ddof=1) / np.where(mean == 0, _TINY, mean))
    bins = np.digitize(mean, np.quantile(mean, _QUANTILES))
    away = (dispersion - dispersion.groupby(bins).transform("median")).abs()
    spread = away.groupby(bins).transform("median")
    return np.asarray(away / spread.where(spread > 0, _TINY), dtype=np.float64)


def legacy_fano_score(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score genes by the negative Fano factor: the published code selects the *lowest*.

    References
    ----------
    GARAGE repository, data_validation/feature_selection.R.
    """
    mean = values.mean(axis=0)
    silent = mean == 0
    return np.where(silent, -np.inf, -values.var(axis=0, ddof=1) / np.where(silent, 1.0, mean))


def legacy_pca_loading_score(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score genes by their *largest* absolute loading on the first three components.

    References
    ----------
    GARAGE repository, data_validation/feature_selection.py.
    """
    axes = Components.fit(values, N_COMPONENTS, random_state=42).axes
    return np.asarray(np.abs(axes).max(axis=0), dtype=np.float64)


LEGACY_SELECTIONS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "cv2": legacy_cv2_score,
    "fano": legacy_fano_score,
    "pca_loading": legacy_pca_loading_score,
}
"""The published scores by name, high ones selected."""


RESOLUTION_RANGES: Mapping[str, tuple[float, float]] = {
    "yan": (0.80, 1.60),
    "pollen": (0.10, 3.00),
    "cbmc": (0.20, 0.80),
    "muraro": (0.10, 3.00),
}
"""Published sweeps, first and last resolution in steps of 0.01 (GARAGE repository, data_validation.py; its
clustering_evaluation.py has others for the same data)."""

FIXED_RESOLUTION = 1.0
"""Published resolution of every competitor (GARAGE repository, analysis/clustering_evaluation.py)."""

_N_PCS, _N_NEIGHBORS, _SEED = 20, 30, 42


def legacy_clusters(
    synthetic: AnnData,
    real: AnnData,
    *,
    labels_key: str,
    selection: Literal["cv2", "fano", "pca_loading"] = "cv2",
    n_genes: int = 100,
    resolutions: tuple[float, float] = (0.10, 3.00),
    step: float = 0.01,
    sweep: bool = True,
    layer: str | None = None,
) -> pd.DataFrame:
    """Cluster *real* cells on genes selected from synthetic cells, as published.

    The synthetic cells are never clustered. The resolution is the one with the best ARI against the labels
    that then score it. The published tables did so for GARAGE only and gave every other method resolution
    1.0; use one setting for all methods. Settings as published (GARAGE repository,
    data_validation/data_validation.py): 100 genes, 20 components, 30 neighbours by cosine distance, seed 42.
    Leiden is igraph's, until nothing changes, instead of leidenalg's; the values are log1p CP10k here.

    Parameters
    ----------
    synthetic
        Synthetic cells, genes in any order; labels are not needed. Values of the same kind as the real ones.
    real
        Real cells with types; the paper used all of them.
    labels_key
        Column of ``real.obs`` with the types.
    selection
        Published selection: ``"cv2"``, ``"fano"`` (lowest) or ``"pca_loading"`` (largest of three).
    n_genes
        Number of genes.
    resolutions
        First and last resolution; :data:`RESOLUTION_RANGES` holds the published ones, the default is that
        of any other data.
    step
        Step between resolutions.
    sweep
        ``False``: resolution 1.0, as published for competitors.
    layer
        Layer with the values; ``X`` by default.

    Returns
    -------
    pandas.DataFrame
        A row with genes from ``"synthetic"`` cells, ``"real"`` ones and ``"both"`` (the three of the
        published feature_selection.R; "real" is the control that the paper's tables lack): ``genes_from``,
        ``selection``, ``n_genes``, ``resolution``, ``n_clusters``, ``ari``, ``nmi``, ``macro_f1`` (clusters
        matched to types), ``macro_f1_published`` (between unaligned numbers of types and clusters, which
        depends on how types are spelt) and ``chosen_by``.

    Raises
    ------
    InputError
        If genes or labels are missing, values cannot be used or an argument is out of range.

    References
    ----------
    Ganguly et al. 2025, doi:10.1101/2025.09.28.679012, and its repository.
    """
    if selection not in LEGACY_SELECTIONS or n_genes < 2:
        msg = f"selection={selection!r}, n_genes={n_genes}; expected one of {', '.join(LEGACY_SELECTIONS)} and >= 2"
        raise InputError(msg)
    grid = _grid(resolutions, step) if sweep else np.array([FIXED_RESOLUTION])
    known = typed_cells(real, labels_key, layer)
    values = known.log_expr.toarray().astype(np.float64)
    made = _values(match_genes(synthetic, real.var_names, what="the synthetic cells"), layer)
    rows = []
    for source, picked in {"synthetic": made, "real": values, "both": np.concatenate([made, values])}.items():
        genes = rank_genes(LEGACY_SELECTIONS[selection](picked))[:n_genes]
        row = {"genes_from": source, "selection": selection, "n_genes": len(genes)}
        chosen_by = ON_TRUTH if sweep else f"fixed resolution {FIXED_RESOLUTION}"
        rows.append(row | _cluster(values[:, genes], known.labels, grid) | {"chosen_by": chosen_by})
    return pd.DataFrame(rows)


def _grid(resolutions: tuple[float, float], step: float) -> NDArray[np.float64]:
    first, last = resolutions
    if not (0 < first <= last and step > 0):
        msg = f"resolutions={resolutions}, step={step}; expected 0 < first <= last and a step above 0"
        raise InputError(msg)
    return np.asarray(np.round(np.arange(first, last + step / 2, step), 4), dtype=np.float64)


def _values(synthetic: AnnData, layer: str | None) -> NDArray[np.float64]:
    """Return log1p CP10k of synthetic cells; their labels do not matter."""
    bare = AnnData(expression_matrix(synthetic, layer if layer in synthetic.layers else None), var=synthetic.var[[]])
    return read_cells(bare, accept=USABLE).log_expr.toarray().astype(np.float64)


def _cluster(values: NDArray[np.float64], labels: NDArray[np.str_], grid: NDArray[np.float64]) -> dict[str, float]:
    points = Components.fit(values, _N_PCS, random_state=_SEED).transform(values)
    partitions = communities(
        points, grid.tolist(), n_neighbors=_N_NEIGHBORS, metric="cosine", n_iterations=-1, random_state=_SEED
    )
    best = int(np.argmax([ari(labels, partition) for partition in partitions]))
    clusters = partitions[best]
    codes = np.unique(labels, return_inverse=True)[1]
    return {
        "resolution": float(grid[best]),
        "n_clusters": int(count_clusters(partitions[best : best + 1])[0]),
        "ari": ari(labels, clusters),
        "nmi": nmi(labels, clusters),
        "macro_f1": macro_f1(labels, clusters),
        "macro_f1_published": float(f1_score(codes, clusters, average="macro", zero_division=0)),
    }
