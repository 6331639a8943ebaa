"""Formats that hold a whole data set: h5ad, zarr and loom."""

import gzip
import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import scipy.sparse as sp
from anndata import AnnData

from scgarage.errors import InputError, MissingExtraError
from scgarage.io.faults import reading
from scgarage.io.wording import listed

__all__ = ["is_zarr", "on_disk", "read_h5ad", "read_loom", "read_zarr"]


def read_h5ad(path: Path, *, layer: str | None = None) -> AnnData:
    """Read an AnnData file; ``layer`` becomes ``X``."""
    with reading(path, "an AnnData file (.h5ad)"), on_disk(path) as file:
        _check_group(file, {"obs", "var"}, path, "an AnnData file (.h5ad)")
        adata = ad.io.read_h5ad(file)
    return _checked(_with_layer(adata, layer, path), path)


def read_zarr(path: Path, *, layer: str | None = None) -> AnnData:
    """Read an AnnData zarr folder; ``layer`` becomes ``X``."""
    with reading(path, "an AnnData zarr folder"):
        adata = ad.io.read_zarr(path)
    if not isinstance(adata, AnnData):
        msg = f"{path} is a zarr folder that holds a {type(adata).__name__}; an AnnData is expected"
        raise InputError(msg)
    return _checked(_with_layer(adata, layer, path), path)


def read_loom(path: Path, *, layer: str | None = None) -> AnnData:
    """Read a loom file, genes x cells on disk; ``layer`` becomes ``X`` instead of the main matrix.

    Cell names come from the column attribute ``CellID`` (or ``obs_names``), gene names from the row
    attribute ``Gene`` (or ``var_names``).
    """
    if importlib.util.find_spec("loompy") is None:
        msg = f'reading {path} needs loompy, which is not installed; run: pip install "scgarage[loom]"'
        raise MissingExtraError(msg)
    expected = "a loom file"
    with reading(path, expected), on_disk(path) as file:
        _check_group(file, {"matrix", "row_attrs", "col_attrs"}, path, expected)
        with h5py.File(file, "r") as stored:
            layers = sorted(stored.get("layers", {}))
            names = {
                "obs_names": "CellID" if "CellID" in stored["col_attrs"] else "obs_names",
                "var_names": "Gene" if "Gene" in stored["row_attrs"] else "var_names",
            }
        if layer is not None and layer not in layers:
            _refuse_layer(layer, layers, path)
        return ad.io.read_loom(file, X_name=layer or "", **names)


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a zarr store."""
    return any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zattrs"))


@contextmanager
def on_disk(path: Path) -> Iterator[Path]:
    """Yield the path of the uncompressed file, a temporary one when ``path`` ends in ``.gz``."""
    if path.suffix != ".gz":
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / path.stem
        with gzip.open(path, "rb") as packed, plain.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
        yield plain


def _check_group(file: Path, names: set[str], path: Path, expected: str) -> None:
    """Refuse an HDF5 file without the groups of its format."""
    with h5py.File(file, "r") as stored:
        found = set(stored)
    if not names <= found:
        msg = f"{path} is not {expected}: it holds {listed(sorted(found))}, and {listed(sorted(names))} are expected"
        raise InputError(msg)


def _with_layer(adata: AnnData, layer: str | None, path: Path) -> AnnData:
    """Put a layer into ``X``."""
    if layer is not None and layer not in adata.layers:
        _refuse_layer(layer, adata.layers, path)
    if layer is not None:
        adata.X = adata.layers[layer]
    if adata.X is None:
        msg = f"{path} has no X; pass layer= one of: {listed(adata.layers)}"
        raise InputError(msg)
    return adata


def _refuse_layer(layer: str, available: Any, path: Path) -> None:
    msg = f"{path} has no layer '{layer}'; available: {listed(available)}"
    raise InputError(msg)


def _checked(adata: AnnData, path: Path) -> AnnData:
    """Refuse a sparse matrix that is inconsistent, as after an incomplete copy of a zarr folder."""
    X: Any = adata.X
    if not isinstance(X, sp.csr_matrix | sp.csc_matrix | sp.csr_array | sp.csc_array):
        return adata
    with reading(path, "AnnData with a valid sparse matrix"):
        if X.indptr[-1] != X.data.size:
            msg = f"{X.data.size:,} values are stored and {X.indptr[-1]:,} expected"
            raise ValueError(msg)
        X.check_format(full_check=True)
    n_stored = X.nnz
    X.sum_duplicates()
    if n_stored != X.nnz:
        msg = (
            f"{path} stores {n_stored - X.nnz:,} values of X twice; the file may be damaged; if it is not, "
            "call adata.X.sum_duplicates() and write it again"
        )
        raise InputError(msg)
    return adata
