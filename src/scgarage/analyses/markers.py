"""Marker genes: tables of them, tests between groups, enrichment of types."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import false_discovery_control, fisher_exact, ttest_ind_from_stats

from scgarage.errors import InputError, listed
from scgarage.judge.rare import wilcoxon

ENRICHMENT_COLUMNS = ("type", "rare", "n_cells", "n_top", "n_bottom", "odds_ratio", "p_value", "q_value")


def type_enrichment(
    labels: NDArray[np.str_], top: NDArray[np.bool_], bottom: NDArray[np.bool_], *, rare: NDArray[np.str_]
) -> pd.DataFrame:
    """Test each type with Fisher's exact test: top cells against bottom cells.

    Parameters
    ----------
    labels
        Type of each cell, ``(n_cells,)``.
    top, bottom
        Masks of the two groups, ``(n_cells,)``, disjoint.
    rare
        Names of the rare types.

    Returns
    -------
    pandas.DataFrame
        A row for each type, rarest first: ``type``, ``rare``, ``n_cells``, ``n_top``, ``n_bottom``, ``odds_ratio``
        (sample odds ratio; infinite when the bottom has none, missing when neither has), ``p_value`` (two-sided) and
        ``q_value`` (Benjamini-Hochberg over the types).

    Raises
    ------
    InputError
        If a group is empty, the groups overlap, or a mask has another length.

    References
    ----------
    Benjamini and Hochberg, 1995, doi:10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> labels = np.repeat(["B", "T"], 4)
    >>> type_enrichment(labels, labels == "B", labels == "T", rare=np.array(["B"]))["p_value"].round(4).tolist()
    [0.0286, 0.0286]
    """
    fits = top.shape == bottom.shape == labels.shape
    if not fits or not top.any() or not bottom.any() or (top & bottom).any():
        msg = (
            f"top and bottom hold {int(top.sum())} and {int(bottom.sum())} cells, as masks of {len(top)} and "
            f"{len(bottom)} for {len(labels)} labels; expected two groups without a common cell"
        )
        raise InputError(msg)
    n_top, n_bottom = int(top.sum()), int(bottom.sum())
    rows = []
    for name in np.unique(labels):
        of_type = labels == name
        in_top, in_bottom = int(of_type[top].sum()), int(of_type[bottom].sum())
        tested = fisher_exact(np.array([[in_top, n_top - in_top], [in_bottom, n_bottom - in_bottom]]))
        odds = float(tested.statistic) if in_top + in_bottom else float("nan")
        about = {"type": str(name), "rare": bool(np.isin(name, rare)), "n_cells": int(of_type.sum())}
        rows.append(
            about | {"n_top": in_top, "n_bottom": in_bottom, "odds_ratio": odds, "p_value": float(tested.pvalue)}
        )
    table = pd.DataFrame(rows).sort_values(["n_cells", "type"], ignore_index=True)
    return table.assign(q_value=corrected(table["p_value"].to_numpy()))[list(ENRICHMENT_COLUMNS)]


def corrected(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return q-values (Benjamini-Hochberg) of p-values; none for none."""
    if not len(p_values):
        return np.empty(0)
    return np.asarray(false_discovery_control(p_values), dtype=np.float64)


MarkerTable: TypeAlias = Mapping[str, tuple[str, ...]]
"""Marker genes by cell type."""

CBMC_MARKERS: MarkerTable = {
    "Eryth": ("HBB", "HBA1", "HBA2", "GYPA", "AHSP", "ALAS2", "SLC4A1", "KLF1"),
    "NK": ("NKG7", "GNLY", "KLRF1", "PRF1", "GZMB", "KLRD1"),
    "CD14+ Mono": ("CD14", "S100A8", "S100A9", "CST3", "FCN1"),
    "CD16+ Mono": ("FCGR3A", "CDKN1C"),
    "CD34+": ("CD34", "KIT", "PROM1"),
    "CD8 T": ("CD8A", "CD8B", "GZMK"),
    "B": ("CD19", "MS4A1", "CD79A", "CD79B", "BANK1"),
    "Mk": ("PPBP", "PF4", "ITGA2B", "GP9", "GP1BA"),
    "pDCs": ("LILRA4", "TCF4", "CLEC4C", "IRF7", "IRF8"),
    "DC": ("FCER1A", "CLEC10A", "FLT3"),
}
"""Markers of cord blood cells (GARAGE, biological validation)."""


def read_markers(path: str | Path) -> MarkerTable:
    """Read a table of marker genes.

    Parameters
    ----------
    path
        JSON file, ``{"type": ["gene", ...]}``; or CSV file with the columns ``type`` and ``gene``, one marker a line.

    Returns
    -------
    MarkerTable
        Genes by type, each once, in the order of the file.

    Raises
    ------
    InputError
        If the file is missing, has another ending or another form.
    """
    path = Path(path)
    if path.suffix not in (".json", ".csv") or not path.is_file():
        msg = f"{path} is no marker table; expected an existing file that ends in .json or .csv"
        raise InputError(msg)
    given = _from_json(path) if path.suffix == ".json" else _from_csv(path)
    table = {name: tuple(dict.fromkeys(genes)) for name, genes in given.items() if genes}
    if not table:
        msg = f"{path} holds no marker gene; expected at least one type with one gene"
        raise InputError(msg)
    return table


def _from_json(path: Path) -> dict[str, list[str]]:
    try:
        held: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        msg = f"{path} is no JSON ({error})"
        raise InputError(msg) from error
    if not isinstance(held, dict) or not all(isinstance(genes, list) for genes in held.values()):
        msg = f'{path} has another form; expected {{"type": ["gene", ...]}}'
        raise InputError(msg)
    return {str(name): [str(gene) for gene in genes] for name, genes in held.items()}


def _from_csv(path: Path) -> dict[str, list[str]]:
    try:
        held = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:
        msg = f"{path} is no CSV ({error})"
        raise InputError(msg) from error
    if not {"type", "gene"} <= set(held.columns):
        msg = f"{path} has the columns {listed(held.columns)}; expected 'type' and 'gene'"
        raise InputError(msg)
    return {str(name): [gene for gene in rows["gene"] if gene] for name, rows in held.groupby("type", sort=False)}


def find_markers(
    log_expr: sparse.csr_matrix, labels: NDArray[np.str_], genes: NDArray[np.str_], *, n_markers: int = 5
) -> MarkerTable:
    r"""Find the genes with the largest Welch t of each type against all other cells.

    .. math:: t = \frac{\bar x_t - \bar x_{\neg t}}{\sqrt{s_t^2 / n_t + s_{\neg t}^2 / n_{\neg t}}}

    Parameters
    ----------
    log_expr
        log1p CP10k of real cells, ``(n_cells, n_genes)``, better others than those that are tested afterwards.
    labels
        Type of each cell, ``(n_cells,)``.
    genes
        Names of the genes, ``(n_genes,)``.
    n_markers
        Number of markers; only genes with a positive t count.

    Returns
    -------
    MarkerTable
        Genes by type, best first; types with fewer than two cells, or all but one cell, are left out.

    Raises
    ------
    InputError
        If there are fewer than two types or ``n_markers`` is below one.

    References
    ----------
    Soneson and Robinson, Nature Methods 2018, doi:10.1038/nmeth.4612.
    """
    types = np.unique(labels)
    if len(types) < 2 or n_markers < 1:
        msg = f"markers tell types apart: found {len(types)} type(s), n_markers={n_markers}; expected >= 2 and >= 1"
        raise InputError(msg)
    values = log_expr.astype(np.float64)
    found = {}
    for name in types:
        inside = labels == name
        if min(inside.sum(), (~inside).sum()) < 2:
            continue
        t = _welch(values[inside], values[~inside])
        order = np.argsort(-t, kind="stable")[:n_markers]
        found[str(name)] = tuple(str(gene) for gene in genes[order[t[order] > 0]])
    return {name: markers for name, markers in found.items() if markers}


def _welch(first: sparse.csr_matrix, second: sparse.csr_matrix) -> NDArray[np.float64]:
    """Return Welch's t by gene, 0 for a gene that does not vary."""
    sides = [(*_moments(side), side.shape[0]) for side in (first, second)]
    varies = np.flatnonzero(sides[0][1] + sides[1][1] > 0)
    t = np.zeros(first.shape[1])
    (mean, sd, n), (other_mean, other_sd, n_others) = sides
    t[varies] = ttest_ind_from_stats(
        mean[varies], sd[varies], n, other_mean[varies], other_sd[varies], n_others, equal_var=False
    ).statistic
    return t


def _moments(values: sparse.csr_matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and sd (n - 1) of each gene."""
    n_cells = values.shape[0]
    mean = np.asarray(values.mean(axis=0)).ravel()
    squares = np.asarray(values.multiply(values).sum(axis=0)).ravel()
    return mean, np.sqrt(np.maximum(squares - n_cells * mean**2, 0) / (n_cells - 1))


ALL_CELLS, WITHIN_TYPE = "all cells", "within type"
"""Top against bottom of all cells, where the types differ too; and of the cells of one type alone."""

TEST_COLUMNS = (
    "scope", "type", "gene", "n_top", "n_bottom", "mean_top", "mean_bottom", "log2_fold_change", "p_value", "q_value",
)  # fmt: skip
RATE_COLUMNS = ("scope", "type", "n_markers", "n_top", "n_bottom", "rate_top", "rate_bottom", "rate_all")


def marker_tests(
    log_expr: sparse.csr_matrix,
    genes: NDArray[np.str_],
    markers: MarkerTable,
    groups: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    *,
    scope: str = ALL_CELLS,
) -> pd.DataFrame:
    r"""Compare the markers of each type in top and bottom cells, gene by gene.

    .. math:: \ell_g = \log_2 (1 + \bar c_{\mathrm{top}, g}) - \log_2 (1 + \bar c_{\mathrm{bottom}, g})

    with mean CP10k :math:`\bar c`; p-values are those of Wilcoxon's rank-sum test on log1p CP10k, two-sided.

    Parameters
    ----------
    log_expr
        log1p CP10k, ``(n_cells, n_genes)``.
    genes
        Names of the genes, ``(n_genes,)``.
    markers
        Genes by type; genes that the data lack are left out.
    groups
        Masks of the top and the bottom cells, ``(n_cells,)`` each.
    scope
        What stands in the column of that name.

    Returns
    -------
    pandas.DataFrame
        A row for each type and marker: ``scope``, ``type``, ``gene``, ``n_top``, ``n_bottom``, ``mean_top`` and
        ``mean_bottom`` (CP10k), ``log2_fold_change``, ``p_value`` and ``q_value`` (Benjamini-Hochberg over the rows).

    Raises
    ------
    InputError
        If a group is empty.
    """
    pairs = _known(markers, genes)
    columns = np.unique([column for _, _, column in pairs]).astype(np.int64)
    values = [_dense(log_expr, mask, columns) for mask in _checked(groups)]
    p_values = wilcoxon(values[0], values[1]) if len(columns) else np.empty(0)
    means = [np.expm1(side).mean(axis=0) for side in values]
    rows = []
    for name, gene, column in pairs:
        place = int(np.searchsorted(columns, column))
        high, low = float(means[0][place]), float(means[1][place])
        about = {"scope": scope, "type": name, "gene": gene, "n_top": len(values[0]), "n_bottom": len(values[1])}
        change = float(np.log2(1 + high) - np.log2(1 + low))
        measured = {"mean_top": high, "mean_bottom": low, "log2_fold_change": change}
        rows.append(about | measured | {"p_value": float(p_values[place])})
    table = pd.DataFrame(rows, columns=[name for name in TEST_COLUMNS if name != "q_value"])
    return table.assign(q_value=corrected(table["p_value"].to_numpy(dtype=np.float64)))


def positive_rates(
    log_expr: sparse.csr_matrix,
    genes: NDArray[np.str_],
    markers: MarkerTable,
    groups: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    *,
    scope: str = ALL_CELLS,
) -> pd.DataFrame:
    """Return how often the markers of each type are found at all in top and bottom cells.

    Parameters
    ----------
    log_expr, genes, markers, groups, scope
        As in :func:`marker_tests`.

    Returns
    -------
    pandas.DataFrame
        A row for each type with a marker in the data: ``scope``, ``type``, ``n_markers``, ``n_top``, ``n_bottom``, and
        the mean over markers of the share of cells above zero: ``rate_top``, ``rate_bottom`` and ``rate_all`` (of
        both groups and the cells between them), in [0, 1].

    Raises
    ------
    InputError
        If a group is empty.
    """
    top, bottom = _checked(groups)
    rows = []
    pairs = _known(markers, genes)
    for name in dict.fromkeys(name for name, _, _ in pairs):
        columns = np.array([column for other, _, column in pairs if other == name], dtype=np.int64)
        found = sparse.csr_matrix(log_expr[:, columns] > 0, dtype=np.float64)
        rates = [float(found[mask].mean()) for mask in (top, bottom)]
        about = {"scope": scope, "type": name, "n_markers": len(columns), "n_top": top.sum(), "n_bottom": bottom.sum()}
        rows.append(about | {"rate_top": rates[0], "rate_bottom": rates[1], "rate_all": float(found.mean())})
    return pd.DataFrame(rows, columns=list(RATE_COLUMNS))


def _known(markers: MarkerTable, genes: NDArray[np.str_]) -> list[tuple[str, str, int]]:
    """Return type, gene and column of the markers that the data have."""
    listed = [(name, gene) for name, members in markers.items() for gene in members]
    places = pd.Index(genes).get_indexer(pd.Index([gene for _, gene in listed], dtype=object))
    return [(name, gene, int(place)) for (name, gene), place in zip(listed, places, strict=True) if place >= 0]


def _checked(groups: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    if not all(mask.any() for mask in groups):
        sizes = [int(mask.sum()) for mask in groups]
        msg = f"the top and bottom groups have {sizes[0]} and {sizes[1]} cells; expected cells in both"
        raise InputError(msg)
    return groups


def _dense(log_expr: sparse.csr_matrix, mask: NDArray[np.bool_], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(log_expr[np.flatnonzero(mask)][:, columns].toarray(), dtype=np.float64)
