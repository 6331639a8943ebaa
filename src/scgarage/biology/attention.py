"""Whether the cells that attention selects carry rare types and their markers."""

from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from scgarage.biology.attention_result import AttentionAnalysis
from scgarage.biology.enrichment import corrected, type_enrichment
from scgarage.biology.explanations import compare_explanations, neighbour_distance, published_scores
from scgarage.biology.marker_tables import MarkerTable, find_markers
from scgarage.biology.marker_tests import WITHIN_TYPE, marker_tests, positive_rates
from scgarage.errors import InputError
from scgarage.graph import knn_graph
from scgarage.preprocess import (
    Components,
    expression_matrix,
    library_size,
    log1p_cp10k,
    select_hvg,
    validate_expression,
    validate_labels,
)
from scgarage.seeds import AttentionScores, GATSettings, attention_scores
from scgarage.seeds.base import top_cells
from scgarage.seeds.cell_types import CellTypes

__all__ = ["analyse_attention"]

MIN_GROUP = 5
"""Fewest cells of a type in its top and bottom group for the comparison within types."""

TYPE = "type"


@dataclass(frozen=True, eq=False)
class _Cells:
    """Cells as the analysis sees them: all genes, the components of the selected ones, and the graph."""

    log_expr: sparse.csr_matrix
    genes: NDArray[np.str_]
    types: CellTypes
    totals: NDArray[np.float64] | None
    points: NDArray[np.float32]
    edges: NDArray[np.int64]

    @property
    def labels(self) -> NDArray[np.str_]:
        """Type of each cell by name."""
        return self.types.names[self.types.codes]


def analyse_attention(
    adata: ad.AnnData,
    *,
    labels_key: str,
    markers: MarkerTable | None = None,
    reference: ad.AnnData | None = None,
    layer: str | None = None,
    fraction: float = 0.2,
    n_markers: int = 5,
    n_top_genes: int | None = 1000,
    n_components: int = 50,
    gat: GATSettings | None = None,
    rare_fraction: float = 0.05,
    rare_threshold: int | None = None,
    random_state: int = 0,
) -> AttentionAnalysis:
    """Analyse the cells with the highest and the lowest attention.

    Scores are made as ``garage-faithful`` makes them: highly variable genes, components in which every type counts the
    same, the neighbour graph on them, a graph attention network on the types. Four questions: which types are more
    frequent among the top cells than among the bottom ones; do top cells express more of the types' markers, over
    all cells and within each type; does anything trivial (degree, depth, how far out a cell lies) rank the cells the
    same way or find more rare cells; and which cells would the published code have taken.

    Parameters
    ----------
    adata
        The cells that attention is to choose from (training cells), counts or log-normalised; not changed.
    labels_key
        Column of ``obs`` with the types.
    markers
        Marker genes by type; by default those that ``reference`` shows.
    reference
        Other real cells, in which markers are found when none are given; by default ``adata`` itself, which finds
        markers in the very cells that are tested.
    layer
        Layer with the values; ``X`` by default.
    fraction
        Share of the cells in the top and in the bottom group, at most a half; the leakage of the method.
    n_markers
        Markers of a type that are looked for in ``reference``.
    n_top_genes, n_components
        Highly variable genes and components of the graph, as in ``garage-faithful``.
    gat
        Network and training; the defaults of ``garage-faithful``, without a progress bar.
    rare_fraction, rare_threshold
        When a type is rare, see :func:`scgarage.seeds.rare_types`.
    random_state
        Seed.

    Returns
    -------
    AttentionAnalysis
        Tables of types, markers, positive rates, explanations and cells, with sentences.

    Raises
    ------
    InputError
        If types are missing, values cannot be used, no marker is among the genes or an argument is out of range.

    References
    ----------
    Ganguly et al., bioRxiv 2025, doi:10.1101/2025.09.28.679012.

    Examples
    --------
    >>> import scgarage as sg
    >>> from scgarage.biology import analyse_attention
    >>> cells = sg.datasets.simulate(n_cells=120, n_genes=60, n_types=3, rare_fraction=0.05)
    >>> gat = sg.seeds.GATSettings(n_epochs=2, progress=False)
    >>> result = analyse_attention(cells, labels_key="cell_type", gat=gat)
    >>> result.types.shape
    (3, 12)
    """
    if not 0 < fraction <= 0.5:
        msg = f"fraction is the share of the cells in each group and must lie in (0, 0.5]; found {fraction}"
        raise InputError(msg)
    gat = gat or GATSettings(progress=False)
    rare = {"rare_fraction": rare_fraction, "rare_threshold": rare_threshold}
    cells, attention = _score(
        adata, labels_key, layer, n_top_genes, n_components=n_components, gat=gat, rare=rare, random_state=random_state
    )
    table = _markers(markers, cells, reference, labels_key, layer, n_markers=n_markers)
    scores = _all_scores(cells, attention)
    n_selected = max(1, round(fraction * adata.n_obs))
    rng = np.random.default_rng(random_state)
    top, bottom = (_mask(sign * attention.scores, n_selected, rng) for sign in (1, -1))
    published = _mask(scores["published code"], n_selected, rng)
    tests, rates = _marker_tables(cells, table, (top, bottom), attention.scores, fraction, rng)
    by_type = type_enrichment(cells.labels, top, bottom, rare=cells.types.names[cells.types.rare])
    chosen = {"top": top, "bottom": bottom, "published": published}
    settings: dict[str, Any] = {
        "labels_key": labels_key, "fraction": fraction, "n_cells": adata.n_obs, "n_selected": n_selected,
        "n_rare_cells": int(cells.types.rare_cells.sum()), "markers": {name: list(g) for name, g in table.items()},
        "markers_from": _source(markers, reference), "n_top_genes": n_top_genes, "n_components": n_components,
        "random_state": random_state, "gat": attention.diagnostics,
    }  # fmt: skip
    return AttentionAnalysis(
        types=_with_published(by_type, cells.labels, published, n_selected),
        markers=tests,
        positive_rates=rates,
        explanations=compare_explanations(scores, cells.types.rare_cells, n_selected=n_selected),
        cells=pd.DataFrame({"type": cells.labels} | scores | chosen, index=adata.obs_names.astype(str)),
        settings=settings | rare,
    )


def _score(
    adata: ad.AnnData,
    labels_key: str,
    layer: str | None,
    n_top_genes: int | None,
    *,
    n_components: int,
    gat: GATSettings,
    rare: dict[str, Any],
    random_state: int,
) -> tuple[_Cells, AttentionScores]:
    log_expr, totals = _log_expr(adata, layer)
    types = CellTypes.read(adata, labels_key, purpose="an analysis of attention", min_types=2, **rare)
    labels = types.names[types.codes]
    modelled = log_expr[:, np.flatnonzero(select_hvg(log_expr, n_top_genes))]
    components = Components.fit(modelled, n_components, labels=labels, random_state=random_state)
    obs = pd.DataFrame({TYPE: pd.Categorical(labels)}, index=np.arange(len(labels)).astype(str))
    seen = ad.AnnData(modelled, obs=obs)
    seen.obsm["X_pca"] = components.transform(modelled)
    attention = attention_scores(seen, labels_key=TYPE, settings=gat, random_state=random_state, **rare)
    edges = knn_graph(seen.obsm["X_pca"], gat.n_neighbors, random_state=random_state).numpy()
    genes = adata.var_names.to_numpy(dtype=str)
    return _Cells(log_expr, genes, types, totals, seen.obsm["X_pca"], edges), attention


def _log_expr(adata: ad.AnnData, layer: str | None) -> tuple[sparse.csr_matrix, NDArray[np.float64] | None]:
    """Return log1p CP10k of all genes, and library sizes where counts are known."""
    kind = validate_expression(adata, layer, warn_silent_genes=False)
    values = sparse.csr_matrix(expression_matrix(adata, layer))
    if kind == "counts":
        return log1p_cp10k(values), library_size(values)
    known = adata.obs["total_counts"].to_numpy(dtype=np.float64) if "total_counts" in adata.obs else None
    return values.astype(np.float32), known


def _markers(
    given: MarkerTable | None,
    cells: _Cells,
    reference: ad.AnnData | None,
    labels_key: str,
    layer: str | None,
    *,
    n_markers: int,
) -> MarkerTable:
    """Return the markers that the data have."""
    found = given
    if found is None and reference is None:
        found = find_markers(cells.log_expr, cells.labels, cells.genes, n_markers=n_markers)
    elif found is None and reference is not None:
        validate_labels(reference, labels_key, min_types=2, min_cells_per_type=1)
        labels = reference.obs[labels_key].astype(str).to_numpy(dtype=str)
        names = reference.var_names.to_numpy(dtype=str)
        found = find_markers(_log_expr(reference, layer)[0], labels, names, n_markers=n_markers)
    here = set(cells.genes)
    known = {name: tuple(gene for gene in genes if gene in here) for name, genes in (found or {}).items()}
    known = {name: genes for name, genes in known.items() if genes}
    if not known:
        msg = "none of the markers is among the genes of the data; compare the spelling (symbols or Ensembl numbers)"
        raise InputError(msg)
    return known


def _source(markers: MarkerTable | None, reference: ad.AnnData | None) -> str:
    if markers is not None:
        return "a table"
    return "these very cells" if reference is None else f"{reference.n_obs} other real cells"


def _all_scores(cells: _Cells, attention: AttentionScores) -> dict[str, NDArray[np.float64]]:
    n_cells = len(cells.types.codes)
    scores = {
        "attention": attention.scores,
        "out-degree": np.bincount(cells.edges[0], minlength=n_cells).astype(np.float64),
        "in-degree": np.bincount(cells.edges[1], minlength=n_cells).astype(np.float64),
        "distance to neighbours": neighbour_distance(cells.points, cells.edges),
        "genes detected": np.diff(cells.log_expr.indptr).astype(np.float64),
    }
    if cells.totals is not None:
        scores["depth"] = cells.totals
    return scores | {"published code": published_scores(cells.edges, n_cells)}


def _mask(scores: NDArray[np.float64], n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    mask = np.zeros(len(scores), dtype=np.bool_)
    mask[top_cells(scores, n, rng)] = True
    return mask


def _marker_tables(
    cells: _Cells,
    markers: MarkerTable,
    groups: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    scores: NDArray[np.float64],
    fraction: float,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return tests and positive rates over all cells, then of each type's own markers within the type."""
    tests = [marker_tests(cells.log_expr, cells.genes, markers, groups)]
    rates = [positive_rates(cells.log_expr, cells.genes, markers, groups)]
    within = []
    for name in markers:
        rows = np.flatnonzero(cells.labels == name)
        n = round(fraction * len(rows))
        if n < MIN_GROUP:
            continue
        own, its_cells = {name: markers[name]}, cells.log_expr[rows]
        halves = (_mask(scores[rows], n, rng), _mask(-scores[rows], n, rng))
        within.append(marker_tests(its_cells, cells.genes, own, halves, scope=WITHIN_TYPE))
        rates.append(positive_rates(its_cells, cells.genes, own, halves, scope=WITHIN_TYPE))
    if within:
        joined = pd.concat(within, ignore_index=True)
        tests.append(joined.assign(q_value=corrected(joined["p_value"].to_numpy(dtype=np.float64))))
    return pd.concat(tests, ignore_index=True), pd.concat(rates, ignore_index=True)


def _with_published(
    table: pd.DataFrame, labels: NDArray[np.str_], published: NDArray[np.bool_], n_selected: int
) -> pd.DataFrame:
    """Add the share of each type that attention and the published code select, and by_chance."""
    taken = pd.Series(labels[published]).value_counts()
    n_published = table["type"].map(taken).fillna(0).astype(int)
    return table.assign(
        recall=table["n_top"] / table["n_cells"],
        chance=n_selected / len(labels),
        n_published=n_published,
        recall_published=n_published / table["n_cells"],
    )
