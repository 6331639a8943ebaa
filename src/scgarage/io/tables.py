"""Delimited text files: expression tables and files of labels."""

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

from scgarage.errors import InputError, check_not_empty, reading
from scgarage.io.matrix import Matrix

GenesAs = Literal["rows", "columns"]

_CHUNK_VALUES = 2**22
_EXPECTED = "a table of numbers"


@dataclass(frozen=True)
class _Layout:
    """How the lines of a table are to be read."""

    delimiter: str
    n_header_lines: int
    has_row_names: bool
    n_columns: int  # of values
    column_names: list[str] | None


def read_table(
    path: Path, *, genes_as: GenesAs | None, header: bool, row_names: bool | None, delimiter: str | None
) -> AnnData:
    """Read a delimited text file of numbers, see :func:`scgarage.io.read`."""
    if genes_as not in ("rows", "columns"):
        msg = (
            f"{path} is a text table, which does not say where its genes are (genes_as={genes_as!r}); pass "
            'genes_as="rows" when each line is a gene, or genes_as="columns" when each line is a cell'
        )
        raise InputError(msg)
    with reading(path, _EXPECTED):
        layout = _find_layout(path, header=header, row_names=row_names, delimiter=delimiter)
        values, names = _read_values(path, layout)
    columns = layout.column_names
    cells, genes = (columns, names) if genes_as == "rows" else (names, columns)
    X: Any = sp.csr_matrix(values.T) if genes_as == "rows" and sp.issparse(values) else values
    X = X.T if genes_as == "rows" and not sp.issparse(values) else X
    return AnnData(
        X,
        obs=pd.DataFrame(index=_index(cells, "cell", X.shape[0])),
        var=pd.DataFrame(index=_index(genes, "gene", X.shape[1])),
    )


def open_text(path: Path) -> TextIO:
    """Open a text file, compressed by gzip or not."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def delimiter_of(path: Path, first_line: str) -> str:
    """Return the delimiter that the name of a file says, or for ``.txt`` the one its first line uses."""
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    if suffix == ".csv":
        return ","
    if suffix in {".tsv", ".tab"}:
        return "\t"
    return next((character for character in "\t,;" if character in first_line), " ")


def _find_layout(path: Path, *, header: bool, row_names: bool | None, delimiter: str | None) -> _Layout:
    """Work out the layout from the first two lines."""
    first, second, delimiter = _first_two_lines(path, header=header, delimiter=delimiter)
    values = second if header else first
    n_fields = len(values)
    if header and len(first) == n_fields - 1:  # as R writes it: no header field above the row names
        names, has_row_names = first, True
    elif header and len(first) == n_fields:
        has_row_names = _has_row_names(first[0], values[0]) if row_names is None else row_names
        names = first[1:] if has_row_names else first
    elif header:
        msg = f"{path}: the header has {len(first)} fields and the next line {n_fields}; as many are expected"
        raise InputError(msg)
    else:
        has_row_names = not _is_number(values[0]) if row_names is None else row_names
        names = []
    n_columns = n_fields - has_row_names
    if n_columns < 2:
        msg = f"{path} has {n_columns} column of values when split at {delimiter!r}; pass another delimiter="
        raise InputError(msg)
    _check_header(path, names, values[has_row_names:], header=header)
    return _Layout(delimiter, int(header), has_row_names, n_columns, names or None)


def _first_two_lines(path: Path, *, header: bool, delimiter: str | None) -> tuple[list[str], list[str], str]:
    """Return the fields of the first two lines and the delimiter."""
    with open_text(path) as stream:
        lines = [stream.readline(), stream.readline()]
    if not lines[0].strip() or (header and not lines[1].strip()):
        msg = f"{path} has no line of values{' below its header' if lines[0].strip() else ''}"
        raise InputError(msg)
    delimiter = delimiter or delimiter_of(path, lines[0])
    if delimiter == " ":
        return lines[0].split(), lines[1].split(), delimiter
    first, second = (next(csv.reader([line], delimiter=delimiter), []) for line in lines)
    return first, second, delimiter


def _has_row_names(corner: str, first_field: str) -> bool:
    """Tell whether the first column holds names: nothing stands above it, or it is not a number."""
    return corner.strip() == "" or corner.startswith("Unnamed") or not _is_number(first_field)


def _check_header(path: Path, names: list[str], values: list[str], *, header: bool) -> None:
    """Refuse a header that is missing or was not announced."""
    if not header and not all(map(_is_number, values)):
        text = next(value for value in values if not _is_number(value))
        msg = f"{path}: the first line holds text ({text!r}) where numbers are expected; pass header=True"
        raise InputError(msg)
    if header and all(map(_is_number, names)) and len(set(names)) < len(names):
        msg = f"{path}: the first line holds repeated numbers, not names; pass header=False"
        raise InputError(msg)


def _read_values(path: Path, layout: _Layout) -> tuple[Matrix, list[str] | None]:
    """Read the values in blocks of lines; CSR when more than half of them are zeros."""
    names: list[str] = []
    blocks: list[sp.csr_matrix] = []
    with (
        open_text(path) as stream,
        pd.read_csv(
            stream,
            sep=r"\s+" if layout.delimiter == " " else layout.delimiter,
            header=None,
            skiprows=layout.n_header_lines,
            chunksize=max(1, _CHUNK_VALUES // layout.n_columns),
            converters={0: str} if layout.has_row_names else None,
            low_memory=False,
        ) as chunks,
    ):
        for chunk in chunks:
            if layout.has_row_names:
                names.extend(chunk.iloc[:, 0])
            values = chunk.iloc[:, int(layout.has_row_names) :]
            _check_chunk(path, values, layout)
            blocks.append(sp.csr_matrix(values.to_numpy()))
    matrix = sp.csr_matrix(sp.vstack(blocks, format="csr"))
    sparse = 2 * matrix.nnz < matrix.shape[0] * matrix.shape[1]
    return matrix if sparse else matrix.toarray(), names or None


def _check_chunk(path: Path, chunk: pd.DataFrame, layout: _Layout) -> None:
    """Refuse text, empty fields and lines of another length."""
    if chunk.shape[1] != layout.n_columns:
        msg = f"{path} has lines with {chunk.shape[1]} values where {layout.n_columns} are expected"
        raise InputError(msg)
    for position, (_, column) in enumerate(chunk.items()):
        if column.dtype.kind in "iufb" and not column.isna().any():
            continue
        bad = pd.to_numeric(column, errors="coerce").isna().to_numpy()
        row = int(np.argmax(bad))
        name = f" ({layout.column_names[position]!r})" if layout.column_names else ""
        line = int(chunk.index[row]) + layout.n_header_lines + 1
        msg = (
            f"{path}: line {line}, column {position + 1 + layout.has_row_names}{name} holds "
            f"{str(column.iloc[row])!r} where a number is expected; values must not be missing, and labels "
            "belong in a file of their own (labels=)"
        )
        raise InputError(msg)


def _index(names: list[str] | None, noun: str, n: int) -> "pd.Index[str]":
    """Return the given names, or numbered ones."""
    width = len(str(max(n - 1, 0)))
    return pd.Index(names if names is not None else [f"{noun}_{number:0{width}d}" for number in range(n)])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


MISSING = ("", "NA", "NaN", "nan")
"""Texts that stand for no label in a file of labels."""

_MISSING_TEXTS = frozenset({"", "na", "nan", "none", "n/a", "<na>", "null", "#n/a", "nat"})


def missing_labels(labels: pd.Series) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Tell which labels are missing or a text that programs write for that, ``(n_cells,)``: None, N/A, <NA>, nan...

    Examples
    --------
    >>> missing_labels(pd.Series(["B", None, "N/A", "none", "NK"])).tolist()
    [False, True, True, True, False]
    """
    texts = labels.astype(object).map(str, na_action="ignore")
    return np.asarray(texts.isna() | texts.str.strip().str.lower().isin(_MISSING_TEXTS), dtype=np.bool_)


_MAX_INTEGER_LABELS = 200


def add_labels(adata: AnnData, path: Path, labels_key: str) -> None:
    """Read labels into ``adata.obs[labels_key]``, a categorical of strings, see :func:`scgarage.io.read`."""
    if not path.is_file():
        msg = f"the label file {path} does not exist"
        raise InputError(msg)
    check_not_empty(path)
    with reading(path, "a label file"):
        lines = _read_lines(path)
        if max(map(len, lines)) == 1:
            labels = _in_order(lines, adata, path)
        else:
            labels = _by_name(lines, adata, path, labels_key)
    series = pd.Series(labels, index=adata.obs_names, dtype=object)
    adata.obs[labels_key] = series.mask(series.isin(MISSING)).astype("category")


def as_text_labels(column: pd.Series) -> pd.Series:
    """Return a column of labels as a categorical of strings, and a column of measurements as it is."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        names = [str(category) for category in column.cat.categories]
        if len(set(names)) == len(names):
            return column.cat.rename_categories(names)
    if column.dtype.kind in "fiu":
        values = column.dropna()
        if not (np.mod(values, 1) == 0).all() or values.nunique() > _MAX_INTEGER_LABELS:
            return column
        column = column.astype("Int64")
    text = column.astype(object).map(str, na_action="ignore")
    return text.where(column.notna(), np.nan).astype("category")


def _read_lines(path: Path) -> list[list[str]]:
    """Return the fields of all lines that are not empty at the end."""
    with open_text(path) as stream:
        text = stream.read()
    rows = text.splitlines()
    lines = list(csv.reader(rows, delimiter=delimiter_of(path, rows[0] if rows else "")))
    while lines and not any(lines[-1]):
        lines.pop()
    if not lines:
        msg = f"{path} holds no labels"
        raise InputError(msg)
    # A single column of an incomplete list may have empty lines, which csv returns as empty lists.
    return [line or [""] for line in lines]


def _in_order(lines: list[list[str]], adata: AnnData, path: Path) -> list[str]:
    """Take one label per line, in the order of the cells; one line more than cells is a header."""
    labels = [line[0].strip() for line in lines]
    if len(labels) == adata.n_obs + 1:
        labels = labels[1:]
    if len(labels) != adata.n_obs:
        msg = (
            f"{path} has {len(labels):,} labels in one column and the expression data {adata.n_obs:,} cells; "
            "one label per cell in the same order is expected (with or without a header), or two columns: "
            "cell, label"
        )
        raise InputError(msg)
    return labels


def _by_name(lines: list[list[str]], adata: AnnData, path: Path, labels_key: str) -> list[str]:
    """Match labels to cells by the names in the first column."""
    lines, column = _label_column(lines, adata, path, labels_key)
    names = pd.Index([line[0] for line in lines])
    labels = np.array([line[column].strip() for line in lines], dtype=object)
    if _numbers_rows(names, adata):
        return list(labels)
    if names.has_duplicates:
        msg = f"{path} names a cell twice: '{names[names.duplicated()][0]}'; one line per cell is expected"
        raise InputError(msg)
    position = names.get_indexer(adata.obs_names)
    if (position < 0).any():
        missing = adata.obs_names[position < 0]
        msg = (
            f"{path} has no label for {len(missing):,} of {adata.n_obs:,} cells, such as '{missing[0]}'; its "
            f"first column must hold the cell names (it holds '{names[0]}', for one)"
        )
        raise InputError(msg)
    return list(labels[position])


def _label_column(lines: list[list[str]], adata: AnnData, path: Path, labels_key: str) -> tuple[list[list[str]], int]:
    """Return the lines without their header and the position of the label column."""
    n_fields = len(lines[-1])
    # R writes no header field above the row names.
    header = ["", *lines[0]] if len(lines[0]) == n_fields - 1 else lines[0]
    if any(len(line) != n_fields for line in lines[1:]) or len(header) != n_fields:
        msg = f"{path} has lines with different numbers of fields; the same number in each is expected"
        raise InputError(msg)
    if labels_key in header[1:]:
        return lines[1:], header.index(labels_key, 1)
    if n_fields == 2:
        is_header = lines[0][0] not in adata.obs_names and len(lines) > adata.n_obs
        return (lines[1:] if is_header else lines), 1
    available = ", ".join(map(repr, header[1:]))
    msg = f"{path} has {n_fields} columns and none is called '{labels_key}'; pass labels_key= one of: {available}"
    raise InputError(msg)


def _numbers_rows(names: pd.Index, adata: AnnData) -> bool:
    """Tell whether the first column only numbers the lines, from 0 or from 1, and is not about names."""
    if len(names) != adata.n_obs or set(names) == set(adata.obs_names):
        return False
    return any(np.array_equal(names, np.arange(start, start + len(names)).astype(str)) for start in (0, 1))
