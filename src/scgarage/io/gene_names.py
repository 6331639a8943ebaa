"""What names look like: genes, Ensembl identifiers or cell barcodes."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

__all__ = ["count_gene_names", "share_barcodes", "share_ensembl", "without_version"]

_MAX_NAMES = 50_000
_ENSEMBL = r"^ENS[A-Z]*G\d{6,}"
_GENE_FAMILY = (
    r"^(?:(?:MT|Mt|mt)-(?:ND\d|Nd\d|nd\d|CO\d|Co\d|co\d|CYB|Cytb|ATP\d|Atp\d)|RP[LS]\d|Rp[ls]\d|HLA-[A-D])"
)
_BARCODE = r"[ACGTN]{12,}"
_COMMON_GENES = frozenset(
    "ACTB ACTG1 B2M CD3D CD74 CD79A CST3 EEF1A1 EPCAM FTH1 FTL GAPDH HBB INS KRT18 LYZ MALAT1 NEAT1 NKG7 PPIA PTMA "
    "S100A8 S100A9 TMSB10 TMSB4X TPT1 TUBA1B UBC VIM XIST".split()
)


def count_gene_names(names: Iterable[str]) -> int:
    """Count the names that can only be genes: Ensembl identifiers, ribosomal, mitochondrial and common genes."""
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


def without_version(names: Iterable[str]) -> pd.Index[str]:
    """Remove the version from Ensembl identifiers (``ENSG00000111640.15``)."""
    series = pd.Series(np.asarray(list(names), dtype=object)).astype(str)
    return pd.Index(series.str.replace(r"^(ENS[A-Z]*G\d{6,})\.\d+$", r"\1", regex=True))


def _sample(names: Iterable[str]) -> pd.Series[str]:
    """Return evenly spaced names, all of them up to a limit."""
    every = pd.Series(np.asarray(list(names), dtype=object)).astype(str)
    return every.iloc[:: max(1, len(every) // _MAX_NAMES)]
