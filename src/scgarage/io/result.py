"""What a measurement found: a table, what it says in words, and its files."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from scgarage.errors import InputError
from scgarage.io.atomic import atomic_output
from scgarage.io.write import write_folder

FORMATS = (".json", ".csv", ".csv.gz")
"""Endings of the files that a result can be written to."""


@dataclass(frozen=True, eq=False, repr=False)
class Result(ABC):
    """A table and what it says; a subclass puts it into words."""

    table: pd.DataFrame

    number_format: ClassVar[str] = "{:.3f}"

    @abstractmethod
    def words(self) -> str:
        """Return what the numbers say, the most important line first."""

    def text(self) -> str:
        """Return words and numbers as plain text, for a terminal."""
        shown = [
            table.to_string(index=_named(table), float_format=self.number_format.format, na_rep="-")
            for table in self._shown()
        ]
        return "\n\n".join([part for part in (self.words(), *shown) if part])

    def _shown(self, *, notes: bool = False) -> list[pd.DataFrame]:  # noqa: ARG002
        """Return what of the tables a reader sees, with notes where there is room for them."""
        return [self.table]

    def _repr_html_(self) -> str:
        headline = self.words().partition("\n")[0]
        tables = [
            table.to_html(index=_named(table), float_format="{:.3g}".format, na_rep="")
            for table in self._shown(notes=True)
        ]
        return f"<p>{escape(headline)}</p>{''.join(tables)}"


class FileResult(Result):
    """A result that is written to one file."""

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write everything as JSON, or the table as CSV.

        Parameters
        ----------
        path
            File to write, ending in ``.json`` (everything, ``null`` for a missing number) or ``.csv`` (the table); it
            appears only when complete.
        overwrite
            Whether to replace an existing file.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        InputError
            If the file has another ending.
        OutputExistsError
            If the file exists and ``overwrite`` is false.
        """
        check_format(path)
        with atomic_output(path, overwrite=overwrite) as temporary:
            if Path(path).suffix == ".json":
                temporary.write_text(to_json(self._content()), encoding="utf-8")
            else:
                rows = self._csv_table()
                rows.to_csv(temporary, index=_named(rows), lineterminator="\n")
        return Path(path)

    @abstractmethod
    def _content(self) -> dict[str, Any]:
        """Return what a JSON file holds."""

    def _csv_table(self) -> pd.DataFrame:
        """Return the table as a CSV file holds it."""
        return self.table


class FolderResult(Result):
    """A result that is written to several files in a folder, and says all it finds in sentences."""

    @abstractmethod
    def sentences(self) -> list[str]:
        """Return what the tables say, in words, and what they do not."""

    def words(self) -> str:
        """Return the sentences as lines of text."""
        return "\n".join(self.sentences())

    def save(self, folder: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Write the tables as CSV, settings with sentences as JSON, and figures, if there are any, as SVG.

        Parameters
        ----------
        folder
            Folder to write to; other files in it are left alone.
        overwrite
            Whether to replace existing files.

        Returns
        -------
        list of pathlib.Path
            The files.

        Raises
        ------
        OutputExistsError
            If a file exists and ``overwrite`` is false.
        """
        return write_folder(folder, self._files(), overwrite=overwrite)

    @abstractmethod
    def _files(self) -> dict[str, str | bytes]:
        """Return the contents of the files, by name."""


def check_format(path: str | Path) -> None:
    """Refuse a file name that says neither JSON nor CSV."""
    if not Path(path).name.endswith(FORMATS):
        msg = f"{path} ends neither in .json nor in .csv; choose another name"
        raise InputError(msg)


def plain_value(value: Any) -> Any:
    """Turn what AnnData and pandas hold into what JSON can; a number that is missing is ``None``."""
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, pd.DataFrame):
        return [plain_value(row) for row in records(value)]
    if isinstance(value, np.ndarray | np.generic):
        return plain_value(value.tolist())
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def as_sentence(text: str) -> str:
    """Write a note as a sentence."""
    return f"{text[:1].upper()}{text[1:]}."


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows by column."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def to_json(content: Mapping[str, Any]) -> str:
    """Return the text of a JSON file."""
    return json.dumps(plain_value(content), indent=1, allow_nan=False) + "\n"


def to_csv(table: pd.DataFrame, *, index: bool = False) -> str:
    """Return the text of a CSV file."""
    return table.to_csv(index=index, lineterminator="\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Read an object that a result was saved as."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        msg = f"{path} does not exist; write it with result.save(path) or --out"
        raise InputError(msg) from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        msg = f"{path} is no JSON that scgarage wrote: {error}"
        raise InputError(msg) from error
    if not isinstance(content, dict):
        msg = f"{path} holds a {type(content).__name__}; expected the object that scgarage wrote"
        raise InputError(msg)
    return content


def _named(table: pd.DataFrame) -> bool:
    """Return whether the rows have names and not mere numbers."""
    return not pd.api.types.is_numeric_dtype(table.index)
