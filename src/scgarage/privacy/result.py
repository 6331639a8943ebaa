"""What an audit returns."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scgarage.errors import InputError
from scgarage.io import atomic_output
from scgarage.privacy.finding import COLUMNS
from scgarage.privacy.thresholds import THRESHOLDS
from scgarage.privacy.verdict import Level

__all__ = ["FORMATS", "Audit"]

FORMATS = (".json", ".csv")
"""Endings of the files that an audit can be written to."""


@dataclass(frozen=True, eq=False)
class Audit:
    """The numbers of a privacy audit, its verdict, and what they do not prove.

    Attributes
    ----------
    table
        One row for each check and group, columns ``check``, ``group``, ``n_cells``, ``value``, ``low``, ``high``,
        ``floor``, ``threshold``, ``passed`` (``True``, ``False``, or ``None`` where nothing can be said) and ``note``.
    verdict
        ``"pass"``, ``"fail"`` or ``"weak"``.
    sentences
        What was found, the headline first, and what a pass does not prove.
    settings
        How it was made; plain values.
    """

    table: pd.DataFrame
    verdict: Level
    sentences: tuple[str, ...]
    settings: dict[str, Any]

    def __str__(self) -> str:
        return "\n".join([self.sentences[0], *(f"- {sentence}" for sentence in self.sentences[1:])])

    def __repr__(self) -> str:
        return f"Audit of {self.settings['n_synthetic']:,} synthetic cells: {self.verdict}\n{self.sentences[0]}"

    def text(self) -> str:
        """Return the sentences and the table as plain text, for a terminal."""
        shown = self.table[["check", "group", "n_cells", "value", "low", "high", "floor", "threshold"]].assign(
            passed=_words(self.table["passed"])
        )
        return f"{self}\n\n{shown.to_string(index=False, float_format='{:.3f}'.format, na_rep='-')}"

    def record(self) -> dict[str, Any]:
        """Return the audit as values that fit in ``uns`` of an h5ad file.

        Returns
        -------
        dict
            ``verdict``, ``sentences``, ``settings``, and ``table`` as one array for each column, ``passed`` in
            words; for ``uns["scgarage"]["audit"]``.
        """
        table: dict[str, Any] = {
            name: np.asarray(self.table[name], dtype=object if name in {"check", "group", "note"} else np.float64)
            for name in COLUMNS
            if name != "passed"
        }
        table["passed"] = np.asarray(_words(self.table["passed"]), dtype=object)
        return {
            "verdict": self.verdict,
            "sentences": np.asarray(self.sentences, dtype=object),
            "settings": dict(self.settings),
            "table": table,
        }

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write everything as JSON, or the table as CSV.

        Parameters
        ----------
        path
            File to write, ending in ``.json`` or ``.csv``.
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
        path = Path(path)
        if path.suffix not in FORMATS:
            msg = f"{path} ends neither in .json nor in .csv; choose another name"
            raise InputError(msg)
        with atomic_output(path, overwrite=overwrite) as temporary:
            if path.suffix == ".csv":
                self.table.assign(passed=_words(self.table["passed"])).to_csv(temporary, index=False)
            else:
                temporary.write_text(json.dumps(self._plain(), indent=1), encoding="utf-8")
        return path

    def _plain(self) -> dict[str, Any]:
        rows = [
            {name: None if isinstance(value, float) and np.isnan(value) else value for name, value in row.items()}
            for row in self.table.to_dict("records")
        ]
        return {
            "verdict": self.verdict,
            "sentences": list(self.sentences),
            "settings": self.settings,
            "thresholds": {name: asdict(threshold) for name, threshold in THRESHOLDS.items()},
            "table": rows,
        }


def _words(passed: "pd.Series[Any]") -> list[str]:
    words = {True: "yes", False: "no"}
    return ["cannot say" if value is None else words[bool(value)] for value in passed]
