"""Cell labels from a file of their own."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData

from scgarage.errors import InputError
from scgarage.io.faults import check_not_empty, reading
from scgarage.io.tables import delimiter_of, open_text

__all__ = ["MISSING", "add_labels", "as_text_labels"]

MISSING = ("", "NA", "NaN", "nan")
"""Texts that stand for no label."""

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
    """Return a column of labels as a categorical of strings, and a column of measurements as it is.

    Text, categories, booleans and up to 200 different whole numbers count as labels; missing values stay
    missing.
    """
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
