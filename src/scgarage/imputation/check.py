"""Whether imputation helped: every imputer in every scenario, and a recommendation."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import track
from scipy import sparse

from scgarage.errors import InputError, chosen_entries
from scgarage.imputation.base import Imputer
from scgarage.imputation.registry import IMPUTERS, imputer_class
from scgarage.imputation.scenarios import SCENARIOS, Subject
from scgarage.io.cells import COUNTS, log1p_cp10k, match_genes, read_cells
from scgarage.io.result import FileResult
from scgarage.pp import Components, select_hvg
from scgarage.pp.graph import leiden, neighbour_adjacency

Advice: TypeAlias = Literal["impute", "only to look at", "do not impute"]

GAIN = 0.01
"""Least gain in the correlation with held-out molecules."""

ARI_LOSS = 0.02
"""Largest loss of agreement between clusters and types."""

RISE = 1.2
"""Largest factor by which false signals may exceed those without imputation."""

LEVEL = 0.05
"""Share of false differences that the test allows by itself."""

Rows: TypeAlias = dict[str, dict[str, float]]

IN_WORDS = {
    "false_de": "differences between random halves of one type",
    "false_de_apart": "differences between halves that were imputed apart",
    "false_de_told": "differences between halves that it was told are types",
    "spurious_correlation": "correlations of genes that have nothing to do with each other",
}


@dataclass(frozen=True)
class Recommendation:
    """What to do.

    Attributes
    ----------
    advice
        ``"impute"``, ``"only to look at"`` or ``"do not impute"``.
    method
        The method it is about, ``"none"`` when there is none.
    sentence
        The advice and what it rests on.
    """

    advice: Advice
    method: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def recommend(table: pd.DataFrame) -> Recommendation:
    """Decide whether to impute.

    A method *helps* when its correlation with held-out molecules (``thinned_correlation``) exceeds that of ``none`` by
    at least 0.01 and its ARI, where types are known, is at most 0.02 below. It is *safe* when no measure of false
    differences exceeds 1.2 times that of ``none`` (or of the test's own level of 0.05, when that is more) and the
    correlation of decoys is at most 1.2 times that of ``none``. What was not measured is not safe. Of the methods that
    help and are safe the one with the highest correlation is recommended; of those that only help, the same, to look
    at; otherwise nothing.

    Parameters
    ----------
    table
        One row for each method, indexed by its name, ``"none"`` among them; that of an :class:`ImputationCheck`.

    Returns
    -------
    Advice, method and a sentence.
    """
    rows: Rows = {str(name): {str(key): float(row[key]) for key in table.columns} for name, row in table.iterrows()}
    helpful = [name for name in rows if name != "none" and _helps(rows[name], rows["none"])]
    if not helpful:
        reason = "no method agrees better with held-out molecules than the data themselves without blurring the types"
        return Recommendation("do not impute", "none", f"Do not impute: {reason}.")
    safe = [name for name in helpful if not _dangers(rows[name], rows["none"])]
    best = max(safe or helpful, key=lambda name: rows[name]["thinned_correlation"])
    gain = (
        f"correlation with held-out molecules {rows[best]['thinned_correlation']:.3f}, "
        f"{rows['none']['thinned_correlation']:.3f} without"
    )
    if safe:
        return Recommendation("impute", best, f"'{best}' may be used ({gain}); no false signals were found.")
    dangers = " and ".join(_dangers(rows[best], rows["none"]))
    sentence = (
        f"Do not impute for tests or correlations: '{best}' recovers expression ({gain}), but it makes {dangers}. "
        "Use it to look at cells, nothing else."
    )
    return Recommendation("only to look at", best, sentence)


def _helps(row: Mapping[str, float], without: Mapping[str, float]) -> bool:
    gain = row["thinned_correlation"] - without["thinned_correlation"]
    loss = without.get("ari", math.nan) - row.get("ari", math.nan)
    return gain >= GAIN and not loss > ARI_LOSS  # a loss that was not measured is NaN


def _dangers(row: Mapping[str, float], without: Mapping[str, float]) -> list[str]:
    """Return the false signals that a method makes, in words."""
    found = []
    for column, words in IN_WORDS.items():
        value = row.get(column, math.nan)
        if math.isnan(value):
            if column != "false_de_told":  # measured only for methods that can be told
                found.append(f"perhaps {words} (not measured)")
            continue
        reference = without.get("false_de_apart" if column == "false_de_told" else column, math.nan)
        limit = RISE * reference if column == "spurious_correlation" else RISE * max(reference, LEVEL)
        if not value <= limit:
            found.append(f"{words} ({value:.2g}, {reference:.2g} without)")
    return found


@dataclass(frozen=True, eq=False, repr=False)
class ImputationCheck(FileResult):
    """The numbers of a check of imputation.

    Attributes
    ----------
    table
        One row for each method (index ``method``); columns ``masked_correlation``, ``masked_mae``,
        ``thinned_correlation``, ``thinned_mae``, ``marker_correlation``, ``marker_slope``, ``ari``, ``false_de``,
        ``false_de_apart``, ``false_de_told``, ``spurious_correlation``, ``filled`` (share of
        zeros that were given a value), ``deeper_correlation``, ``deeper_mae``, ``deeper_type_correlation``,
        ``deeper_type_distance`` and ``seconds``, as far as they were measured.
        Errors and distances are in log1p CP10k.
    settings
        How it was made, plain values.
    """

    settings: dict[str, Any]

    def recommendation(self) -> Recommendation | None:
        """Return what to do by the rule of :func:`recommend`; ``None`` without ``none`` or held-out molecules."""
        if "none" not in self.table.index or "thinned_correlation" not in self.table:
            return None
        return recommend(self.table)

    def words(self) -> str:
        """Return the recommendation; empty without one."""
        return str(self.recommendation() or "")

    def _shown(self, *, notes: bool = False) -> list[pd.DataFrame]:  # noqa: ARG002
        return [self.table.T]

    def _content(self) -> dict[str, Any]:
        return {"recommendation": self.words(), "settings": self.settings, "table": self.table.reset_index()}

    def __repr__(self) -> str:
        return f"ImputationCheck of {', '.join(map(repr, self.table.index))}\n{self.words()}"


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
) -> ImputationCheck:
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
        Names from ``scgarage.imputation.IMPUTERS``, all by default; or names of your choice with unfitted imputers.
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
    chosen = chosen_entries(SCENARIOS, scenarios, "scenarios")
    cells = read_cells(adata, layer=layer, labels_key=labels_key, batch_key=batch_key, accept=COUNTS)
    counts = sparse.csr_matrix(cells.matrix, dtype=np.float32)
    genes, types = _genes_and_types(counts, cells.labels, n_top_genes, random_state)
    subject = Subject(
        counts=counts,
        genes=genes,
        types=types,
        batches=cells.batches,
        labelled=labels_key is not None,
        random_state=random_state,
        **({} if deeper is None else _deeper(deeper, adata, layer, labels_key)),
    )
    rows: dict[str, dict[str, float]] = {name: {} for name in imputers}
    work = [(name, scenario) for name in imputers for scenario in chosen]
    for name, scenario in track(work, description="Checking", disable=not progress, transient=True):
        rows[name] |= chosen[scenario](subject, imputers[name])
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
    settings = {
        "labels_key": labels_key,
        "batch_key": batch_key,
        "layer": layer,
        "scenarios": list(chosen),
        "n_cells": int(subject.counts.shape[0]),
        "n_genes": len(subject.genes),
        "random_state": random_state,
    }
    return ImputationCheck(table, settings)


def _imputers(methods: Sequence[str] | Mapping[str, Imputer] | None) -> dict[str, Imputer]:
    names = list(IMPUTERS) if methods is None else methods
    given = dict(names) if isinstance(names, Mapping) else {name: imputer_class(name)() for name in names}
    return {"none": IMPUTERS["none"]()} | given


def _genes_and_types(
    counts: sparse.csr_matrix, types: NDArray[np.str_] | None, n_top_genes: int, random_state: int
) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Return the columns to look at, and clusters where there are no types."""
    log_expr = log1p_cp10k(counts)
    genes = np.flatnonzero(select_hvg(log_expr, n_top_genes))
    if types is None:
        points = Components.fit(log_expr[:, genes], 30, random_state=random_state).transform(log_expr[:, genes])
        types = leiden(neighbour_adjacency(points), random_state=random_state).astype(np.str_)
    return genes, types


def _deeper(deeper: ad.AnnData, adata: ad.AnnData, layer: str | None, labels_key: str | None) -> dict[str, Any]:
    """Return the counts of the deeper measurement, and types when its cells are others."""
    deeper = match_genes(deeper, adata.var_names, what="the deeper measurement")
    missing = adata.obs_names.difference(deeper.obs_names)
    if len(missing) == adata.n_obs and labels_key is not None:
        cells = read_cells(deeper, layer=layer, labels_key=labels_key, accept=COUNTS)
        return {"deeper": sparse.csr_matrix(cells.matrix, dtype=np.float32), "deeper_types": cells.labels}
    if len(missing):
        msg = (
            f"the deeper measurement lacks {len(missing):,} of {adata.n_obs:,} cells (first: '{missing[0]}'); "
            "it needs all cells, or none of them and labels_key="
        )
        raise InputError(msg)
    cells = read_cells(deeper[adata.obs_names].copy(), layer=layer, accept=COUNTS)
    return {"deeper": sparse.csr_matrix(cells.matrix, dtype=np.float32)}
