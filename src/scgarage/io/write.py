"""Writing AnnData and tables; output appears complete or not at all."""

import gzip
import io
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

from scgarage.errors import InputError, OutputExistsError
from scgarage.io.matrix import Matrix, as_matrix, row_chunks, stored_values


def check_output(path: str | Path, *, overwrite: bool) -> None:
    """Refuse an output path that exists, before any work is done for it.

    Parameters
    ----------
    path
        File or directory that is to be written.
    overwrite
        Whether something may be there already.

    Raises
    ------
    OutputExistsError
        If ``path`` exists and ``overwrite`` is false.
    """
    if os.path.lexists(path) and not overwrite:
        kind = "a directory" if Path(path).is_dir() else "a file"
        msg = f"{path} exists already ({kind}); choose another path or pass overwrite=True (--overwrite)"
        raise OutputExistsError(msg)


@contextmanager
def atomic_output(path: str | Path, *, overwrite: bool = False, replaces: str | None = None) -> Iterator[Path]:
    """Write a file or a directory so that it appears under its name only when complete.

    The block writes to a temporary path in the same directory. When the block ends, everything written is
    flushed to disk and renamed to ``path``. When it raises, the temporary output is removed and whatever
    was at ``path`` is left as it was. Missing parent directories are made.

    Parameters
    ----------
    path
        File or directory that is to be written. A symbolic link is followed.
    overwrite
        Whether an existing file or directory is replaced. A directory is replaced as a whole: nothing
        of the old one stays.
    replaces
        Name of a file that an existing directory must contain to be replaced, as proof that it is an older
        output of the same kind and not a folder of other things. An empty directory is always replaced.

    Yields
    ------
    Path that does not exist yet, with the same suffixes as ``path``; the block makes a file or a directory there.

    Raises
    ------
    OutputExistsError
        If ``path`` exists and ``overwrite`` is false, or if it may not be replaced.
    FileNotFoundError
        If the block ends without having written anything.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_output(Path(folder) / "table.txt") as temporary:
    ...         _ = temporary.write_text("complete")
    ...     (Path(folder) / "table.txt").read_text()
    'complete'
    """
    check_output(path, overwrite=overwrite)
    final = Path(path).resolve()
    _check_replaceable(final, replaces)
    final.parent.mkdir(parents=True, exist_ok=True)
    token = uuid.uuid4().hex[:8]
    temporary = final.with_name(f".{token}-{final.name}")
    try:
        yield temporary
        if not temporary.exists():
            msg = f"nothing was written for {path}"
            raise FileNotFoundError(msg)
        _flush(temporary)
        check_output(path, overwrite=overwrite)
        _check_same_kind(final, temporary)
        if temporary.is_dir():
            _replace_directory(temporary, final, aside=final.with_name(f".{token}-old-{final.name}"))
        else:
            if final.exists():
                shutil.copymode(final, temporary)
            temporary.replace(final)
        _flush_entry(final.parent)
    finally:
        _remove(temporary)


def _check_replaceable(final: Path, replaces: str | None) -> None:
    """Refuse to replace a directory that is not an older output of the same kind."""
    if replaces is None or not final.is_dir() or (final / replaces).exists() or not any(final.iterdir()):
        return
    msg = f"{final} is a folder of other files (it has no '{replaces}') and is not replaced; choose another path"
    raise OutputExistsError(msg)


def _check_same_kind(final: Path, temporary: Path) -> None:
    """Refuse to replace a file by a directory or the reverse."""
    if final.exists() and final.is_dir() != temporary.is_dir():
        kinds = ("a directory", "a file") if final.is_dir() else ("a file", "a directory")
        msg = f"{final} is {kinds[0]} and the output is {kinds[1]}; choose another path"
        raise OutputExistsError(msg)


def _replace_directory(temporary: Path, final: Path, *, aside: Path) -> None:
    """Put a directory in the place of another, which comes back when that fails."""
    if not final.exists():
        temporary.rename(final)
        return
    final.rename(aside)
    try:
        temporary.rename(final)
    except OSError:
        aside.rename(final)
        raise
    _remove(aside)


def _flush(path: Path) -> None:
    """Wait until the contents of a file, or of all files of a directory, are on disk."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    for file in files:
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


def _flush_entry(directory: Path) -> None:
    """Wait until the renaming is on disk, where the system can say so."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


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
        adata.write_h5ad(temporary, compression="gzip")
    return path


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
