"""Any expression file -> AnnData, with what its values are."""

import gzip
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import scipy.sparse as sp
from anndata import AnnData

from scgarage.errors import InputError, check_not_empty, listed, reading
from scgarage.io.cells import value_kind
from scgarage.io.features import Features, genes_only
from scgarage.io.gene_names import transposed_because
from scgarage.io.loom import loom_cells
from scgarage.io.matrix import as_matrix, compact
from scgarage.io.tables import GenesAs, add_labels, as_text_labels, read_table
from scgarage.io.tenx import read_10x_h5, read_10x_mtx
from scgarage.io.values import describe_values, find_alternative
from scgarage.schema import UNS_KEY


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
    """Read a loom file, genes x cells on disk; ``layer`` becomes ``X`` instead of the main matrix."""
    expected = "a loom file"
    with reading(path, expected), on_disk(path) as file:
        _check_group(file, {"matrix", "row_attrs", "col_attrs"}, path, expected)
        return _with_layer(loom_cells(file, path), layer, path)


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


_STORES = {".h5ad": read_h5ad, ".loom": read_loom}
_TABLES = {".csv", ".tsv", ".tab", ".txt"}
_EXPECTED = (
    ".h5ad, .loom, .h5 (10x), .csv, .tsv or .txt, or a folder: zarr, or 10x with matrix.mtx, barcodes.tsv "
    "and features.tsv"
)


def read(
    path: str | Path,
    *,
    layer: str | None = None,
    genes_as: GenesAs | None = None,
    header: bool = True,
    row_names: bool | None = None,
    delimiter: str | None = None,
    labels: str | Path | None = None,
    labels_key: str = "cell_type",
    features: Features = "genes",
) -> AnnData:
    r"""Read expression data of any common format.

    The format follows from the name: ``.h5ad``, ``.loom``, ``.h5`` (10x Cell Ranger),
    ``.csv``, ``.tsv``, ``.tab`` and ``.txt``, each but ``.h5`` also with ``.gz``; a folder is a zarr store
    or a 10x folder with ``matrix.mtx``, ``barcodes.tsv`` and ``features.tsv`` or ``genes.tsv``, compressed
    or not, with any common prefix. Only genes are kept, and of 10x data repeated gene symbols are
    numbered. In all other formats names stay as they are.

    Parameters
    ----------
    path
        File or folder.
    layer
        Layer of an h5ad, zarr or loom file to take as ``X``, instead of the file's own ``X``.
    genes_as
        Where the genes of a text table are: ``"rows"`` when each line is a gene, ``"columns"`` when each
        line is a cell. Has to be given for text tables, which do not say it.
    header
        Whether the first line of a text table holds names. Without it names are made: ``gene_00``,
        ``cell_00``.
    row_names
        Whether the first column of a text table holds names. When None: it does if the header has no name
        for it, or if it is not a number in the first line of values.
    delimiter
        What separates the fields of a text table, a space for any white space. When None: a comma in
        ``.csv``, a tabulator in ``.tsv`` and ``.tab``, and in ``.txt`` the first of tabulator, comma,
        semicolon and white space that the first line contains.
    labels
        File of cell labels, ``.csv``, ``.tsv`` or ``.txt``, also with ``.gz``: either one column with one
        label per cell in the order of the cells, where one line more than cells is a header; or cell names
        in the first column and labels in the second, with or without a header; or a table with a header,
        cell names in the first column and a column called ``labels_key``. Cells that are not in the data
        are passed over. A first column that only numbers the lines, from 0 or 1, stands for the order of
        the cells.
    labels_key
        Column of ``obs`` for these labels, or the column that holds labels already.
    features
        ``"genes"`` leaves out antibodies, guides, hashtags and spike-ins, told by ``var["feature_types"]`` or by name;
        ``"all"`` keeps them.

    Returns
    -------
    Data set, shape ``(n_cells, n_genes)``, with

    ``X``
        CSR when more than half of the values are zeros or the file is sparse, dense otherwise; float32, or
        float64 when whole numbers above 2**24 need it.
    ``obs[labels_key]``
        Categorical of strings, when ``labels`` is given or the column exists and does not hold
        measurements; missing labels are NaN.
    ``uns["scgarage"]["value_kind"]``
        What the values of ``X`` are, see :func:`scgarage.io.detect_value_kind`.

    Warns
    -----
    UserWarning
        If the rows look like genes (by known gene names or barcodes, else when the totals of the rows vary
        more than 1.5 times as much as those of the columns); if ``X`` is not counts and a layer or ``raw``
        is; if ``X`` is scaled or of unknown kind; if 10x features were left out or renamed.

    Raises
    ------
    InputError
        If the path does not exist, or the file is empty, incomplete, of another format than its name says,
        or holds NaN, infinite or missing values; if an argument does not fit the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder) / "cells.csv"
    ...     _ = table.write_text(",CD3D,LYZ\ncell_1,3,0\ncell_2,0,8\n")
    ...     adata = read(table, genes_as="columns")
    >>> adata.shape, adata.uns["scgarage"]["value_kind"]
    ((2, 2), 'counts')
    """
    path = Path(path)
    table_options = {"genes_as": genes_as, "row_names": row_names, "delimiter": delimiter}
    adata = _read_format(path, layer=layer, header=header, table_options=table_options, features=features)
    if 0 in adata.shape:
        msg = f"{path} holds {adata.n_obs} cells and {adata.n_vars} genes; at least one of each is expected"
        raise InputError(msg)
    adata.X = compact(as_matrix(adata.X, what=f"X of {path}"))
    if features == "genes":
        adata, left_out = genes_only(adata)
        if left_out is not None:
            warnings.warn(f"{path}: {left_out}", UserWarning, stacklevel=2)
    if labels is not None:
        add_labels(adata, Path(labels), labels_key)
    elif labels_key in adata.obs:
        adata.obs[labels_key] = as_text_labels(adata.obs[labels_key])
    _record_value_kind(adata, path)
    _warn_about(adata, path, chosen=layer is not None)
    return adata


def _read_format(
    path: Path, *, layer: str | None, header: bool, table_options: dict[str, Any], features: Features
) -> AnnData:
    """Choose the reader by name and refuse options that it does not have."""
    if not path.exists():
        msg = f"{path} does not exist"
        raise InputError(msg)
    check_not_empty(path)
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    is_store = is_zarr(path) if path.is_dir() else suffix in _STORES
    is_table = path.is_file() and suffix in _TABLES
    given = [name for name, value in table_options.items() if value is not None]
    given += [] if header else ["header"]
    if given and not is_table:
        msg = f"{path} is not a text table, so {', '.join(given)} cannot be used; leave it out"
        raise InputError(msg)
    if layer is not None and not is_store:
        msg = f"{path} has no layers, so layer={layer!r} cannot be used; leave it out"
        raise InputError(msg)
    if path.is_dir():
        return read_zarr(path, layer=layer) if is_store else read_10x_mtx(path, features=features)
    if is_store:
        return _STORES[suffix](path, layer=layer)
    if is_table:
        return read_table(path, header=header, **table_options)
    if path.suffix.lower() == ".h5":
        return read_10x_h5(path, features=features)
    hint = f"; pass the folder instead: {path.parent}" if suffix == ".mtx" else ""
    msg = f"{path} has a name that says no format that can be read; expected: {_EXPECTED}{hint}"
    raise InputError(msg)


def _record_value_kind(adata: AnnData, path: Path) -> None:
    """Write the file's name and what its values are to ``uns["scgarage"]``, beside what an earlier run wrote there."""
    try:
        kind = value_kind(adata)
    except InputError as error:
        msg = f"{path}: {error}"
        raise InputError(msg) from error
    record = adata.uns.get(UNS_KEY)
    known = record if isinstance(record, Mapping) else {}
    adata.uns[UNS_KEY] = {"dataset": path.name, **known, "value_kind": kind}


def _warn_about(adata: AnnData, path: Path, *, chosen: bool) -> None:
    """Warn about data that can be read and hardly used as they are."""
    reason = transposed_because(adata)
    if reason is not None:
        msg = (
            f"{path}: the rows look like genes, and cells are expected ({reason}); if they are, use adata.T, "
            "or the other genes_as= for a text table"
        )
        warnings.warn(msg, UserWarning, stacklevel=3)
    kind = adata.uns[UNS_KEY]["value_kind"]
    if kind == "counts" or (chosen and kind == "log-normalised"):
        return
    alternative = find_alternative(adata, ["counts"])
    if alternative is None and kind != "log-normalised":
        alternative = find_alternative(adata, ["log-normalised"])
    if alternative is None and kind == "log-normalised":
        return
    msg = f"{path}, X: {describe_values(adata.X)}"
    warnings.warn(f"{msg}; {alternative}" if alternative else msg, UserWarning, stacklevel=3)
