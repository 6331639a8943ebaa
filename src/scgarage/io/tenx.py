"""Output of 10x Genomics Cell Ranger and of the tools that imitate it: one HDF5 file, or a folder of three files."""

import gzip
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import scanpy as sc
import scipy.io
import scipy.sparse as sp
from anndata import AnnData

from scgarage.errors import InputError
from scgarage.io.faults import check_not_empty, reading

__all__ = ["read_10x_h5", "read_10x_mtx"]

_GENE_EXPRESSION = "Gene Expression"
_TRIPLE = {
    "matrix": ("matrix.mtx",),
    "barcodes": ("barcodes.tsv",),
    "features": ("features.tsv", "genes.tsv"),
}


def read_10x_h5(path: Path) -> AnnData:
    """Read a Cell Ranger HDF5 file, version 2 or 3; only the features of type "Gene Expression" are kept."""
    expected = "a 10x HDF5 file"
    with reading(path, expected):
        _check_is_10x(path)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Variable names are not unique", category=UserWarning)
            adata = sc.read_10x_h5(path, gex_only=False)
            adata = _only_genes(adata, path)
    return _with_unique_names(adata, path)


def read_10x_mtx(path: Path) -> AnnData:
    """Read a folder with matrix, barcodes and features (or genes), each compressed or not, with a common prefix or not."""
    files = _find_triple(path)
    for file in files.values():
        check_not_empty(file)
    expected = "a 10x folder (matrix.mtx, barcodes.tsv, features.tsv or genes.tsv)"
    with reading(path, expected):
        barcodes = _read_names(files["barcodes"])[0]
        features = _read_names(files["features"])
        with reading(files["matrix"], "a Matrix Market file"):
            values = scipy.io.mmread(files["matrix"])
        adata = AnnData(
            _cells_by_genes(values, n_cells=len(barcodes), n_genes=len(features), path=path),
            obs=pd.DataFrame(index=pd.Index(barcodes.to_numpy())),
            var=_feature_table(features),
        )
        adata = _only_genes(adata, path)
    return _with_unique_names(adata, path)


def _check_is_10x(path: Path) -> None:
    """Refuse other HDF5 files, and say what they are."""
    with h5py.File(path, "r") as file:
        groups = set(file)
        has_barcodes = any(isinstance(item, h5py.Group) and "barcodes" in item for item in file.values())
    if has_barcodes:
        return
    hint = "use Cell Ranger's filtered_feature_bc_matrix.h5"
    if {"obs", "var"} <= groups:
        hint = "it looks like AnnData: rename it to end in .h5ad"
    elif {"row_attrs", "col_attrs"} <= groups:
        hint = "it looks like loom: rename it to end in .loom"
    msg = f"{path} is not a 10x HDF5 file: it has no barcodes and holds {', '.join(sorted(groups)) or 'nothing'}; {hint}"
    raise InputError(msg)


def _find_triple(path: Path) -> dict[str, Path]:
    """Find the three files of a 10x folder."""
    names = sorted(file.name for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    files = {}
    for part, endings in _TRIPLE.items():
        matching = [name for name in names if name.removesuffix(".gz").endswith(endings)]
        if len(matching) != 1:
            found = ", ".join(matching[:5]) or ", ".join(names[:5]) or "nothing"
            msg = (
                f"{path} is not a 10x folder: one file {' or '.join(endings)} (.gz or not) is expected and "
                f"{len(matching)} are there (found: {found})"
            )
            raise InputError(msg)
        files[part] = path / matching[0]
    return files


def _read_names(file: Path) -> pd.DataFrame:
    """Read a tab-separated file of names as text, where "NA" and "nan" are names like others."""
    with reading(file, "a tab-separated table"):
        opened: Any = gzip.open(file, "rt") if file.suffix == ".gz" else file.open(encoding="utf-8")
        with opened as stream:
            return pd.read_csv(stream, sep="\t", header=None, dtype=str, keep_default_na=False, quoting=3)


def _cells_by_genes(values: Any, *, n_cells: int, n_genes: int, path: Path) -> sp.csr_matrix:
    """Turn a stored matrix, genes x cells or the reverse, into cells x genes."""
    if values.shape == (n_genes, n_cells):
        return sp.csr_matrix(sp.csc_matrix(values).T)
    if values.shape == (n_cells, n_genes):
        return sp.csr_matrix(values)
    msg = (
        f"{path} is inconsistent: the matrix has shape {values.shape}, with {n_genes} features and {n_cells} barcodes; "
        "one of the files may be incomplete or belong to another sample"
    )
    raise InputError(msg)


def _feature_table(features: pd.DataFrame) -> pd.DataFrame:
    """Return ``var``: symbols as index where there are any, identifiers in ``gene_ids``."""
    symbols = features[1] if features.shape[1] > 1 else features[0]
    var = pd.DataFrame({"gene_ids": features[0].to_numpy()}, index=pd.Index(symbols.to_numpy()))
    if features.shape[1] > 2:
        var["feature_types"] = features[2].to_numpy()
    return var


def _only_genes(adata: AnnData, path: Path) -> AnnData:
    """Leave out antibodies, guides and other features that are not genes."""
    if "feature_types" not in adata.var:
        return adata
    is_gene = np.asarray(adata.var["feature_types"] == _GENE_EXPRESSION)
    if is_gene.all():
        return adata
    others = sorted(set(adata.var["feature_types"][~is_gene]))
    if not is_gene.any():
        msg = f"{path} has no features of type '{_GENE_EXPRESSION}'; found: {', '.join(others)}"
        raise InputError(msg)
    msg = f"{path}: {int((~is_gene).sum()):,} features that are not genes were left out ({', '.join(others)})"
    warnings.warn(msg, UserWarning, stacklevel=5)
    return adata[:, is_gene].copy()


def _with_unique_names(adata: AnnData, path: Path) -> AnnData:
    """Number repeated gene symbols, which are normal in 10x files; the identifiers stay in ``var["gene_ids"]``."""
    repeated = adata.var_names[adata.var_names.duplicated()]
    if len(repeated):
        adata.var_names_make_unique()
        msg = (
            f"{path}: {len(repeated):,} repeated gene symbols (such as '{repeated[0]}') were made unique by a number at "
            "the end; the identifiers are in var['gene_ids']"
        )
        warnings.warn(msg, UserWarning, stacklevel=4)
    return adata
