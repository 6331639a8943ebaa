"""Loom files, which are plain HDF5: genes x cells, with attributes of rows and columns."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

from scgarage.errors import InputError, listed
from scgarage.io.matrix import as_matrix

_CELL_NAMES = ("CellID", "obs_names", "cell_id", "CellIDs", "cell_names", "barcodes", "Barcode")
_GENE_NAMES = ("Gene", "var_names", "gene_names", "GeneName", "gene_symbol", "Symbol", "Accession", "gene_ids")
_BLOCK_VALUES = 2**22


def loom_cells(file: Path, path: Path) -> AnnData:
    """Read a loom file, a block of cells at a time.

    Parameters
    ----------
    file
        The uncompressed file.
    path
        How messages call it.

    Returns
    -------
    Cells x genes: ``X`` from ``/matrix``, layers under their names, CSR where most values are zeros; attributes of one
    dimension in ``obs`` and ``var``, of two in ``obsm`` and ``varm``.
    """
    with h5py.File(file, "r") as stored:
        n_genes, n_cells = stored["matrix"].shape
        obs, obsm = _attributes(stored["col_attrs"], n_cells, _CELL_NAMES, "cell", path)
        var, varm = _attributes(stored["row_attrs"], n_genes, _GENE_NAMES, "gene", path)
        layers = {name: _cells_by_genes(stored["layers"][name], path) for name in stored.get("layers", {})}
        return AnnData(_cells_by_genes(stored["matrix"], path), obs=obs, var=var, obsm=obsm, varm=varm, layers=layers)


def _cells_by_genes(values: Any, path: Path) -> Any:
    """Transpose a dataset in blocks of cells; an array when at least half of the values are not zero."""
    n_genes, n_cells = values.shape
    if values.dtype.kind not in "biuf":
        msg = f"{path}: {values.name} holds {values.dtype} where numbers are expected"
        raise InputError(msg)
    step = max(1, _BLOCK_VALUES // max(n_genes, 1))
    blocks = [sp.csr_matrix(values[:, start : start + step].T) for start in range(0, n_cells, step)]
    if not blocks:
        return np.zeros((0, n_genes), dtype=np.float32)
    matrix: Any = as_matrix(sp.csr_matrix(sp.vstack(blocks, format="csr")))
    return matrix if 2 * matrix.nnz < n_genes * n_cells else matrix.toarray()


def _attributes(
    group: Any, n: int, name_columns: tuple[str, ...], noun: str, path: Path
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the attributes of rows or columns as a table, indexed by their names, and those of two dimensions."""
    columns: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    for key, item in group.items():
        values = item[()]
        if values.shape[:1] != (n,):
            msg = f"{path}: {item.name} has shape {values.shape} where one value for each of {n:,} {noun}s is expected"
            raise InputError(msg)
        values = _text(values) if values.dtype.kind in "OSU" else values
        (columns if values.ndim == 1 else arrays)[key] = values
    index = next((key for key in name_columns if key in columns), None)
    if index is None and columns:
        text = [key for key, values in columns.items() if values.dtype.kind == "O" and len(set(values)) == n]
        if len(text) != 1:
            msg = (
                f"{path}: no attribute of its {noun}s is called {listed(name_columns)}; found: {listed(columns)}; "
                f"name the one that holds the {noun}s' names {name_columns[0]}"
            )
            raise InputError(msg)
        index = text[0]
    width = len(str(max(n - 1, 0)))
    names = [f"{noun}_{i:0{width}d}" for i in range(n)] if index is None else [str(name) for name in columns.pop(index)]
    return pd.DataFrame(columns, index=pd.Index(names, dtype=object)), arrays


def _text(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Decode bytes."""
    decoded = [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in values.ravel()]
    return np.array(decoded, dtype=object).reshape(values.shape)
