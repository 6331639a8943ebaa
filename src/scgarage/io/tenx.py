"""Output of 10x Cell Ranger and of the tools that imitate it: one HDF5 file, or a folder of three files."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse as sp
from anndata import AnnData

from scgarage.errors import InputError, check_not_empty, reading
from scgarage.io.features import GENE_EXPRESSION as _GENE_EXPRESSION
from scgarage.io.features import Features
from scgarage.io.tables import open_text

_TRIPLE = {"matrix": ("matrix.mtx",), "barcodes": ("barcodes.tsv",), "features": ("features.tsv", "genes.tsv")}


def read_10x_h5(path: Path, *, features: Features = "genes") -> AnnData:
    """Read a Cell Ranger HDF5 file, version 2 or 3; only the features of type "Gene Expression" are kept."""
    import scanpy as sc

    expected = "a 10x HDF5 file"
    with reading(path, expected), _allow_repeated_names():
        _check_is_10x(path)
        adata = sc.read_10x_h5(path, gex_only=False)
    return _genes_with_unique_names(adata, path, features)


def read_10x_mtx(path: Path, *, features: Features = "genes") -> AnnData:
    """Read a folder with matrix, barcodes and features (or genes), each compressed or not."""
    files = _find_triple(path)
    for file in files.values():
        check_not_empty(file)
    expected = "a 10x folder (matrix.mtx, barcodes.tsv, features.tsv or genes.tsv)"
    with reading(path, expected), _allow_repeated_names():
        barcodes = _read_names(files["barcodes"])[0]
        table = _read_names(files["features"])
        with reading(files["matrix"], "a Matrix Market file"):
            values = scipy.io.mmread(files["matrix"])
        adata = AnnData(
            _cells_by_genes(values, n_cells=len(barcodes), n_genes=len(table), path=path),
            obs=pd.DataFrame(index=pd.Index(barcodes.to_numpy())),
            var=_feature_table(table),
        )
    return _genes_with_unique_names(adata, path, features)


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
    found = ", ".join(sorted(groups)) or "nothing"
    msg = f"{path} is not a 10x HDF5 file: it has no barcodes and holds {found}; {hint}"
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
    with reading(file, "a tab-separated table"), open_text(file) as stream:
        return pd.read_csv(stream, sep="\t", header=None, dtype=str, keep_default_na=False, quoting=3)


def _cells_by_genes(values: Any, *, n_cells: int, n_genes: int, path: Path) -> sp.csr_matrix:
    """Turn a stored matrix, genes x cells or the reverse, into cells x genes."""
    if values.shape == (n_genes, n_cells):
        return sp.csr_matrix(sp.csc_matrix(values).T)
    if values.shape == (n_cells, n_genes):
        return sp.csr_matrix(values)
    msg = (
        f"{path} is inconsistent: the matrix has shape {values.shape}, with {n_genes} features and {n_cells} "
        "barcodes; one of the files may be incomplete or belong to another sample"
    )
    raise InputError(msg)


def _feature_table(features: pd.DataFrame) -> pd.DataFrame:
    """Return ``var``: symbols as index where there are any, identifiers in ``gene_ids``."""
    symbols = features[1] if features.shape[1] > 1 else features[0]
    var = pd.DataFrame({"gene_ids": features[0].to_numpy()}, index=pd.Index(symbols.to_numpy()))
    if features.shape[1] > 2:
        var["feature_types"] = features[2].to_numpy()
    return var


@contextmanager
def _allow_repeated_names() -> Iterator[None]:
    """Silence anndata about repeated gene names, which are dealt with here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Variable names are not unique", category=UserWarning)
        yield


def _genes_with_unique_names(adata: AnnData, path: Path, features: Features) -> AnnData:
    """Leave out what is not a gene and number repeated symbols; ``var["gene_ids"]`` holds identifiers."""
    is_gene = np.ones(adata.n_vars, dtype=bool)
    if "feature_types" in adata.var and features == "genes":
        is_gene = np.asarray(adata.var["feature_types"] == _GENE_EXPRESSION)
    others = ", ".join(sorted(set(adata.var["feature_types"][~is_gene]))) if not is_gene.all() else ""
    if others and not is_gene.any():
        msg = f"{path} has no features of type '{_GENE_EXPRESSION}'; found: {others}"
        raise InputError(msg)
    if others:
        with _allow_repeated_names():
            adata = adata[:, is_gene].copy()
        msg = f"{path}: {int((~is_gene).sum()):,} features that are not genes were left out ({others})"
        msg += "; features='all' (--features all) keeps them"
        warnings.warn(msg, UserWarning, stacklevel=5)
    repeated = adata.var_names[adata.var_names.duplicated()]
    if len(repeated):
        adata.var_names_make_unique()
        msg = (
            f"{path}: {len(repeated):,} repeated gene symbols (such as '{repeated[0]}') were made unique by "
            "a number at the end; the identifiers are in var['gene_ids']"
        )
        warnings.warn(msg, UserWarning, stacklevel=5)
    return adata
