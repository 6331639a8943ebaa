"""What could explain attention without any attention: degree, depth, outlying cells, the order of the rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import hypergeom

from scgarage.analyses.markers import (
    ALL_CELLS,
    WITHIN_TYPE,
    MarkerTable,
    corrected,
    find_markers,
    marker_tests,
    positive_rates,
    type_enrichment,
)
from scgarage.errors import InputError
from scgarage.io.cells import USABLE, read_cells, recorded_totals, validate_labels
from scgarage.io.result import FolderResult, to_csv, to_json
from scgarage.pp import Components, select_hvg
from scgarage.pp.graph import knn_graph
from scgarage.seeds import AttentionScores, GATSettings, attention_scores
from scgarage.seeds.attention import spearman
from scgarage.seeds.quotas import CellTypes, top_cells

EXPLANATION_COLUMNS = (
    "score", "spearman_with_attention", "recall_highest", "recall_lowest", "chance", "chance_low", "chance_high",
    "overlap_with_attention",
)  # fmt: skip


def published_scores(edges: NDArray[np.int64], n_cells: int) -> NDArray[np.float64]:
    r"""Return what the published code ranks cells by: means of row numbers in place of attention.

    .. math:: s_i = \frac{1}{2} \Big( i + \frac{1}{|N(i)| + 1} \big( i + \sum_{j \in N(i)} j \big) \Big)

    The code takes the first part of the pair (edges, attention) for the attention, and averages it over the edges of a
    cell, its self-loop included. This is a reconstruction: the published file lacks the lines that unpack the pair.

    Parameters
    ----------
    edges
        Edges (source, target) without self-loops, ``(2, n_edges)``.
    n_cells
        Number of cells.

    Returns
    -------
    numpy.ndarray
        ``(n_cells,)``; the same cells in another order get other scores.

    References
    ----------
    Ganguly et al., bioRxiv 2025, doi:10.1101/2025.09.28.679012, and its repository.

    Examples
    --------
    >>> published_scores(np.array([[1, 0], [0, 1]]), 2).tolist()
    [0.25, 0.75]
    """
    rows = np.arange(n_cells, dtype=np.float64)
    sources, targets = np.concatenate([edges[0], np.arange(n_cells)]), np.concatenate([edges[1], np.arange(n_cells)])
    n_edges = np.bincount(targets, minlength=n_cells)
    sums = np.bincount(targets, weights=sources.astype(np.float64), minlength=n_cells)
    return (rows + sums / n_edges) / 2


def neighbour_distance(points: NDArray[np.floating], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean Euclidean distance of each cell to its neighbours, ``(n_cells,)``: how far out it lies.

    Parameters
    ----------
    points
        Coordinates, ``(n_cells, n_components)``.
    edges
        Edges (source, target) without self-loops, ``(2, n_edges)``; every cell is a target.
    """
    length = np.linalg.norm(points[edges[0]] - points[edges[1]], axis=1).astype(np.float64)
    n_cells = len(points)
    counts = np.bincount(edges[1], minlength=n_cells)
    return np.asarray(np.bincount(edges[1], weights=length, minlength=n_cells) / counts, dtype=np.float64)


def compare_explanations(
    scores: Mapping[str, NDArray[np.floating]], rare: NDArray[np.bool_], *, n_selected: int, random_state: int = 0
) -> pd.DataFrame:
    """Compare scores by the rare cells among their highest and lowest, and by how they go with the first of them.

    Parameters
    ----------
    scores
        Scores by name, ``(n_cells,)`` each; the first is the attention.
    rare
        Mask of the cells of rare types, ``(n_cells,)``.
    n_selected
        Number of cells selected.
    random_state
        Seed that orders equal scores.

    Returns
    -------
    pandas.DataFrame
        A row for each score: ``score``, ``spearman_with_attention``, ``recall_highest`` and ``recall_lowest`` (share of
        the rare cells that the cells with the highest, or lowest, scores hold), ``chance`` with the interval
        ``chance_low`` to ``chance_high`` that holds 95 % of random selections (hypergeometric), and
        ``overlap_with_attention`` (share of the highest that attention selects too). These are missing for a score that
        is the same for all cells, recalls also when no cell is rare.

    Raises
    ------
    InputError
        If ``n_selected`` is out of range, or the scores have other lengths than ``rare``.
    """
    n_cells, n_rare = len(rare), int(rare.sum())
    if not 0 < n_selected < n_cells or not scores or any(len(values) != n_cells for values in scores.values()):
        lengths = {name: len(values) for name, values in scores.items()}
        msg = f"n_selected={n_selected} of {n_cells} cells, scores of lengths {lengths}; expected fewer, and as many"
        raise InputError(msg)
    chance = n_selected / n_cells if n_rare else float("nan")
    by_chance = hypergeom(n_cells, n_rare, n_selected)
    low, high = (float(by_chance.ppf(q)) / n_rare if n_rare else float("nan") for q in (0.025, 0.975))
    rng = np.random.default_rng(random_state)
    attention = np.asarray(next(iter(scores.values())), dtype=np.float64)
    chosen = top_cells(attention, n_selected, rng)
    rows: list[dict[str, Any]] = []
    for name, values in scores.items():
        ranked = np.asarray(values, dtype=np.float64)
        highest, lowest = (top_cells(sign * ranked, n_selected, rng) for sign in (1, -1))
        highest = highest if rows else chosen
        row: dict[str, Any] = {"score": name, "spearman_with_attention": spearman(attention, ranked)}
        constant = np.ptp(ranked) == 0
        for end, cells in {"recall_highest": highest, "recall_lowest": lowest}.items():
            row[end] = float("nan") if constant or not n_rare else float(rare[cells].sum() / n_rare)
        row |= {"chance": chance, "chance_low": low, "chance_high": high}
        row["overlap_with_attention"] = float("nan") if constant else len(np.intersect1d(highest, chosen)) / n_selected
        rows.append(row)
    return pd.DataFrame(rows, columns=list(EXPLANATION_COLUMNS))


SIGNIFICANT = 0.05


@dataclass(frozen=True, eq=False, repr=False)
class AttentionAnalysis(FolderResult):
    """Tables about the cells that attention selects.

    ``save`` writes ``types.csv``, ``markers.csv``, ``positive_rates.csv``, ``explanations.csv``, ``cells.csv`` and
    ``attention.json``.

    Attributes
    ----------
    table, types
        Result of :func:`scgarage.analyses.type_enrichment`, with ``recall`` (share of the type's cells that are
        selected), ``chance``, and ``n_published`` and ``recall_published``, the same for the published code.
    markers
        Results of :func:`scgarage.analyses.markers`, over ``"all cells"`` and ``"within type"``.
    positive_rates
        Results of :func:`scgarage.analyses.positive_rates`, the same.
    explanations
        Result of :func:`scgarage.analyses.compare_explanations`.
    cells
        A row for each cell: type, scores, and whether it is in the top or bottom group or published selection.
    settings
        How it was made; plain values.
    """

    markers: pd.DataFrame
    positive_rates: pd.DataFrame
    explanations: pd.DataFrame
    cells: pd.DataFrame
    settings: dict[str, Any]

    number_format: ClassVar[str] = "{:.3g}"

    def sentences(self) -> list[str]:
        """Return what the tables say, in words."""
        return [self._rare(), *self._enriched(), *self._marked(), *self._trivial(), self._published(), *self._limits()]

    @property
    def types(self) -> pd.DataFrame:
        """The table."""
        return self.table

    def _shown(self, *, notes: bool = False) -> list[pd.DataFrame]:  # noqa: ARG002
        return [self.types, self.explanations]

    def _files(self) -> dict[str, str | bytes]:
        names = ("types", "markers", "positive_rates", "explanations", "cells")
        files: dict[str, str | bytes] = {
            f"{name}.csv": to_csv(getattr(self, name), index=name == "cells") for name in names
        }
        return files | {"attention.json": to_json({"sentences": self.sentences(), "settings": self.settings})}

    def _row(self, score: str) -> dict[str, Any]:
        held = self.explanations[self.explanations["score"] == score]
        return {str(key): value for key, value in held.iloc[0].items()}

    def _rare(self) -> str:
        row, n_rare = self._row("attention"), self.settings["n_rare_cells"]
        if not n_rare:
            return "No type is rare, so the analysis says nothing about rare cells; see --rare-fraction."
        recall, low, high = (row[name] for name in ("recall_highest", "chance_low", "chance_high"))
        side = "more than" if recall > high else "fewer than" if recall < low else "not shown to differ from"
        return (
            f"The {self.settings['n_selected']} cells with the highest attention hold {recall:.0%} of "
            f"the {n_rare} rare cells: {side} chance, which gives {row['chance']:.0%} "
            f"[{low:.0%}, {high:.0%}]."
        )

    def _enriched(self) -> list[str]:
        text = []
        for word, side in {"more": True, "less": False}.items():
            ratio = self.types["odds_ratio"] > 1 if side else self.types["odds_ratio"] < 1
            named = self.types.loc[ratio & (self.types["q_value"] < SIGNIFICANT)]
            rows = [f"{row['type']}{' (rare)' if row['rare'] else ''}" for _, row in named.iterrows()]
            if rows:
                text.append(f"Types {word} frequent in the top group than in the bottom one: {', '.join(rows)}.")
        return text or ["No type is shown to be more frequent in one of the two groups."]

    def _marked(self) -> list[str]:
        text = []
        for scope in (ALL_CELLS, WITHIN_TYPE):
            held = self.markers[self.markers["scope"] == scope]
            found = held[held["q_value"] < SIGNIFICANT]
            if len(held):
                higher = int((found["log2_fold_change"] > 0).sum())
                lower = int((found["log2_fold_change"] < 0).sum())
                text.append(
                    f"Markers, {scope}: of {len(held)}, {higher} are higher and {lower} lower in the top group; "
                    f"median log2 fold change {held['log2_fold_change'].median():+.2f}."
                )
        return text

    def _trivial(self) -> list[str]:
        table = self.explanations[~self.explanations["score"].isin(["attention", "published code"])]
        known = table.dropna(subset="spearman_with_attention")
        parts = [f"{row['score']} {row['spearman_with_attention']:+.2f}" for _, row in known.iterrows()]
        text = [f"Rank correlation of attention with what needs no network: {', '.join(parts)}."] if parts else []
        constant = table.loc[table["spearman_with_attention"].isna(), "score"].tolist()
        if constant:
            text.append(f"The same for all cells by construction, so it explains nothing: {', '.join(constant)}.")
        if self.settings["n_rare_cells"]:
            recalls = table.melt("score", ["recall_highest", "recall_lowest"]).dropna(subset="value")
            best = recalls.sort_values("value", kind="stable").iloc[-1]
            end = str(best["variable"]).removeprefix("recall_")
            text.append(f"Of these, the {end} {best['score']} finds most rare cells: {best['value']:.0%}.")
        return text

    def _published(self) -> str:
        row = self._row("published code")
        rare = f" and holds {row['recall_highest']:.0%} of the rare cells" if self.settings["n_rare_cells"] else ""
        return (
            "The published code (a reconstruction) ranks by row numbers: its selection follows the order of the file. "
            f"It shares {row['overlap_with_attention']:.0%} of its cells with that of attention{rare}."
        )

    def _limits(self) -> list[str]:
        text = [
            "Fold changes over all cells mix a type's share with its expression; within types they do not. Tests take "
            "cells as independent, which cells of one donor are not."
        ]
        if self.settings["markers_from"] == "these very cells":
            text.append("Markers were found in the very cells that are compared.")
        return text


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
    >>> from scgarage.analyses import analyse_attention
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
        table=_with_published(by_type, cells.labels, published, n_selected),
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
    read = read_cells(adata, layer=layer, accept=USABLE)
    log_expr, totals = read.log_expr, read.totals if read.kind == "counts" else recorded_totals(adata)
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
        labels = validate_labels(reference, labels_key, min_cells_per_type=1)
        seen = read_cells(reference, layer=layer, accept=USABLE)
        found = find_markers(seen.log_expr, labels, seen.genes.to_numpy(dtype=str), n_markers=n_markers)
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
