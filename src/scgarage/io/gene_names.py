"""What tells gene names from barcodes, and whether genes are rows or columns."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from anndata import AnnData

from scgarage.io.matrix import as_matrix, column_sums, row_sums

_MAX_NAMES = 50_000
_ENSEMBL = r"^ENS[A-Z]*G\d{6,}"
_GENE_FAMILY = r"^(?:(?:MT|Mt|mt)-(?:ND\d|Nd\d|nd\d|CO\d|Co\d|co\d|CYB|Cytb|ATP\d|Atp\d)|RP[LS]\d|Rp[ls]\d|HLA-[A-D])"
_BARCODE = r"[ACGTN]{12,}"
_COMMON_GENES = frozenset(
    {
        *("ACTB", "ACTG1", "B2M", "CD3D", "CD74", "CD79A", "CST3", "EEF1A1", "EPCAM", "FTH1", "FTL", "GAPDH", "HBB"),
        *("INS", "KRT18", "LYZ", "MALAT1", "NEAT1", "NKG7", "PPIA", "PTMA", "S100A8", "S100A9", "TMSB10", "TMSB4X"),
        *("TPT1", "TUBA1B", "UBC", "VIM", "XIST"),
    }
)


def count_gene_names(names: Iterable[str]) -> int:
    """Count names that can only be genes: Ensembl identifiers, ribosomal, mitochondrial and common genes."""
    series = _sample(names)
    known = series.str.upper().isin(_COMMON_GENES)
    return int((known | series.str.contains(_GENE_FAMILY) | series.str.contains(_ENSEMBL)).sum())


def share_ensembl(names: Iterable[str]) -> float:
    """Return the share of names that are Ensembl gene identifiers."""
    series = _sample(names)
    return float(series.str.contains(_ENSEMBL).mean()) if len(series) else 0.0


def share_barcodes(names: Iterable[str]) -> float:
    """Return the share of names that contain a cell barcode, twelve or more of the letters A, C, G, T."""
    series = _sample(names)
    return float(series.str.contains(_BARCODE).mean()) if len(series) else 0.0


def explain_mismatch(var: pd.DataFrame, wanted: "pd.Index[str]") -> str:
    """Say why the gene names of a data set differ from the wanted ones, and what to do."""
    found = pd.Index(var.index.astype(str))
    missing = wanted[~wanted.isin(found)]
    for column in var.columns[var.dtypes.map(lambda dtype: dtype.kind == "O")]:
        if len(missing) and missing.isin(var[column].astype(str)).mean() > 0.5:
            return f"adata.var['{column}'] holds such names: adata.var_names = adata.var['{column}'].astype(str)"
    if len(missing) < len(wanted):
        return "both must hold the same genes: subset both to the genes in common before fitting"
    if (share_ensembl(found) > 0.5) != (share_ensembl(wanted) > 0.5):
        return "one side has Ensembl identifiers and the other gene symbols: name both alike"
    if _without_version(wanted).isin(_without_version(found)).mean() > 0.5:
        return "only the versions of the Ensembl identifiers differ: remove the part after the dot"
    if wanted.str.upper().isin(found.str.upper()).mean() > 0.5:
        return "only upper and lower case differ, as between human and mouse symbols"
    return "no gene is in common: are these names of another species or annotation?"


def _without_version(names: Iterable[str]) -> "pd.Index[str]":
    """Remove the version from Ensembl identifiers (``ENSG00000111640.15``)."""
    series = pd.Series(np.asarray(list(names), dtype=object)).astype(str)
    return pd.Index(series.str.replace(r"^(ENS[A-Z]*G\d{6,})\.\d+$", r"\1", regex=True))


def _sample(names: Iterable[str]) -> "pd.Series[str]":
    """Return evenly spaced names, all of them up to a limit."""
    every = pd.Series(np.asarray(list(names), dtype=object)).astype(str)
    return every.iloc[:: max(1, len(every) // _MAX_NAMES)]


_MIN_GENE_NAMES = 3
_MIN_BARCODES = 0.5
_MAX_SPREAD_RATIO = 1.5


def transposed_because(adata: AnnData) -> str | None:
    """Say why the rows of a data set look like genes, None when they look like cells."""
    gene_rows, gene_columns = count_gene_names(adata.obs_names), count_gene_names(adata.var_names)
    barcode_rows, barcode_columns = share_barcodes(adata.obs_names), share_barcodes(adata.var_names)
    if gene_rows >= _MIN_GENE_NAMES and gene_rows > gene_columns:
        return f"{gene_rows} row names are known genes"
    if barcode_columns >= _MIN_BARCODES and barcode_columns > barcode_rows:
        return f"{barcode_columns:.0%} of the column names are cell barcodes"
    if gene_columns >= _MIN_GENE_NAMES or barcode_rows >= _MIN_BARCODES:
        return None
    ratio = _spread_ratio(adata)
    if ratio > _MAX_SPREAD_RATIO:
        return f"their totals vary {ratio:.1f} times as much as those of the columns, as totals of genes do"
    return None


def _spread_ratio(adata: AnnData) -> float:
    """Return sd(log row totals) / sd(log column totals), 0 where it says nothing."""
    X = as_matrix(adata.X)
    rows, columns = row_sums(X), column_sums(X)
    if min(X.shape) < 10 or rows.min() < 0 or columns.min() < 0:
        return 0.0
    of_rows, of_columns = np.log1p(rows).std(), np.log1p(columns).std()
    return float(of_rows / of_columns) if of_columns > 0 else 0.0
