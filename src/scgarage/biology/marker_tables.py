"""Marker genes of cell types: built in, read from a file, or found in real cells."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import ttest_ind_from_stats

from scgarage.errors import InputError
from scgarage.io.wording import listed

__all__ = ["CBMC_MARKERS", "MarkerTable", "find_markers", "read_markers"]

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
