"""Writing AnnData and tables."""

import gzip
import io
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData
from anndata.io import write_elem

from scgarage.errors import InputError
from scgarage.io.atomic import HeldSignals, atomic_output, check_output
from scgarage.io.matrix import Matrix, as_matrix, row_chunks, stored_values

_CHUNK_VALUES = 2**20


def write_h5ad(adata: AnnData, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a data set as a compressed ``.h5ad`` file, completely or not at all.

    Parameters
    ----------
    adata
        Data set.
    path
        Output file, ending in ``.h5ad``.
    overwrite
        Whether an existing file is replaced.

    Returns
    -------
    ``path``.

    Raises
    ------
    InputError
        If ``path`` does not end in ``.h5ad``.
    OutputExistsError
        If ``path`` exists and ``overwrite`` is false.
    """
    path = Path(path)
    if path.suffix != ".h5ad":
        msg = f"{path} does not end in .h5ad; choose another name"
        raise InputError(msg)
    with atomic_output(path, overwrite=overwrite) as temporary:
        adata.strings_to_categoricals()
        if adata.raw is not None:
            adata.strings_to_categoricals(adata.raw.var)
        _write_hdf5(adata, temporary)
    return path


def _write_hdf5(adata: AnnData, path: Path) -> None:
    """Write an h5ad file; what goes wrong meanwhile is raised when HDF5 has closed it."""
    with HeldSignals(signal.SIGINT, signal.SIGTERM), _PatientFile(path) as stream:
        try:
            with h5py.File(stream, "w") as file:
                file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
                for name in ("X", "raw", "obs", "var", "obsm", "varm", "obsp", "varp", "layers", "uns"):
                    part = getattr(adata, name)
                    if part is not None and stream.error is None:
                        part = dict(part) if isinstance(part, Mapping) else part
                        write_elem(file, name, part, dataset_kwargs={"compression": "gzip"})
        finally:
            if stream.error is not None:
                raise stream.error


class _PatientFile(io.FileIO):
    """A file that takes every write, remembers the first that failed and does no more after it.

    HDF5 cannot close a file that refuses a write: it prints hundreds of lines, and the process crashes when it ends.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self.error: OSError | None = None

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        done = 0
        try:
            while self.error is None and done < len(view):
                done += super().write(view[done:])
        except OSError as error:
            self.error = error
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return self.tell() if size is None else size


def write_csv(
    adata: AnnData,
    path: str | Path,
    *,
    layer: str | None = None,
    labels_key: str | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write expression values, and labels beside them, as CSV files for other programs.

    The expression file has one line per cell, the cell names in its first column and the gene names in its
    first line; the label file, ``<stem>_labels.csv``, has the columns ``cell`` and ``labels_key``.
    ``scgarage.io.read(path, genes_as="columns", labels=...)`` reads both back. The same data give the same
    bytes.

    Parameters
    ----------
    adata
        Data set.
    path
        Output file, ending in ``.csv`` or ``.csv.gz``.
    layer
        Layer to write, ``X`` when None.
    labels_key
        Column of ``obs`` to write to the label file, none when None.
    overwrite
        Whether existing files are replaced.

    Returns
    -------
    The paths written.

    Raises
    ------
    InputError
        If ``path`` has another ending or a named layer or column is missing.
    OutputExistsError
        If an output exists and ``overwrite`` is false.
    """
    path = Path(path)
    stem = path.name.removesuffix(".gz").removesuffix(".csv")
    if path.name not in {f"{stem}.csv", f"{stem}.csv.gz"}:
        msg = f"{path} ends neither in .csv nor in .csv.gz; choose another name"
        raise InputError(msg)
    _check_names(adata, layer, labels_key)
    X = as_matrix(adata.X if layer is None else adata.layers[layer], what="adata.X" if layer is None else layer)
    labels_path = path.with_name(f"{stem}_labels.csv")
    if labels_key is not None:
        check_output(labels_path, overwrite=overwrite)
    with atomic_output(path, overwrite=overwrite) as temporary:
        _write_values(X, adata, temporary)
        if labels_key is None:
            return [path]
        with atomic_output(labels_path, overwrite=overwrite) as temporary_labels:
            labels = pd.DataFrame({"cell": adata.obs_names, labels_key: np.asarray(adata.obs[labels_key])})
            labels.to_csv(temporary_labels, index=False, lineterminator="\n")
        return [path, labels_path]


def _check_names(adata: AnnData, layer: str | None, labels_key: str | None) -> None:
    for slot, key, available in (("layers", layer, adata.layers.keys()), ("obs", labels_key, adata.obs.columns)):
        if key is not None and key not in available:
            msg = f"adata.{slot} has no '{key}'; available: {', '.join(map(repr, available)) or 'none'}"
            raise InputError(msg)


def _write_values(X: Matrix, adata: AnnData, path: Path) -> None:
    """Write the expression values in blocks of rows, whole numbers without a decimal point."""
    whole = all(np.array_equal(stored_values(block), np.rint(stored_values(block))) for _, block in row_chunks(X))
    n_rows = max(1, _CHUNK_VALUES // max(1, X.shape[1]))
    with _open_for_writing(path) as stream:
        for start in range(0, X.shape[0], n_rows):
            rows = X[start : start + n_rows]
            values = rows.toarray() if sp.issparse(rows) else rows
            table = pd.DataFrame(
                values.astype(np.int64) if whole else values,
                index=adata.obs_names[start : start + n_rows],
                columns=adata.var_names,
            )
            table.to_csv(stream, header=start == 0, index_label="cell" if start == 0 else None, lineterminator="\n")


@contextmanager
def _open_for_writing(path: Path) -> Iterator[TextIO]:
    """Open a text file; a ``.gz`` one without the time and name that gzip stores, so that bytes repeat."""
    if path.suffix != ".gz":
        with path.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        return
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as stream,
    ):
        yield stream


def write_folder(folder: str | Path, files: Mapping[str, str | bytes], *, overwrite: bool = False) -> list[Path]:
    """Write files into a folder; other files in it are left alone."""
    paths = {name: Path(folder) / name for name in files}
    for path in paths.values():
        check_output(path, overwrite=overwrite)
    for name, path in paths.items():
        content = files[name]
        with atomic_output(path, overwrite=overwrite) as temporary:
            temporary.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(paths.values())
