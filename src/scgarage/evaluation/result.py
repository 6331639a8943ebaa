"""What an evaluation returns."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from anndata import AnnData

from scgarage.evaluation.verdict import Verdict, verdict
from scgarage.io import atomic_output
from scgarage.preprocess import Split

__all__ = ["Evaluation"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The numbers of an evaluation and the cells that they are about.

    Attributes
    ----------
    table
        One row for each metric and group, columns ``metric``, ``title``, ``group``, ``value``, ``value_sd``,
        ``floor``, ``floor_sd``, ``null``, ``null_sd``, ``score``, ``better``, ``n_repeats``, ``n_cells``
        and ``note``.
    settings
        How it was made: arguments, numbers of cells, rare types, counts of each type; plain values.
    synthetic
        The cells that were judged.
    split
        The real cells.
    """

    table: pd.DataFrame
    settings: dict[str, Any]
    synthetic: AnnData = field(repr=False)
    split: Split = field(repr=False)

    def verdict(self) -> Verdict:
        """Return what the numbers say, in words."""
        return verdict(
            self.table,
            type_counts=self.settings.get("type_counts"),
            notes=self.settings.get("notes", ()),
        )

    def text(self) -> str:
        """Return the verdict and the table as plain text, for a terminal."""
        shown = self.table[["title", "group", "value", "floor", "null", "score"]]
        numbers = shown.to_string(index=False, float_format="{:.3f}".format, na_rep="-")
        return f"{self.verdict()}\n\n{numbers}"

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the table as CSV.

        Parameters
        ----------
        path
            File to write; it appears only when complete.
        overwrite
            Whether to replace an existing file.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        OutputExistsError
            If the file exists and ``overwrite`` is false.
        """
        with atomic_output(path, overwrite=overwrite) as temporary:
            self.table.to_csv(temporary, index=False)
        return Path(path)

    def report(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write tables and figures as one HTML file.

        Parameters
        ----------
        path
            File to write.
        overwrite
            Whether to replace an existing file.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        OutputExistsError
            If the file exists and ``overwrite`` is false.
        """
        from scgarage.report import write_report

        return write_report(self, path, overwrite=overwrite)

    def __repr__(self) -> str:
        used = self.settings
        return (
            f"Evaluation of {used['n_synthetic']} synthetic cells: {self.table['metric'].nunique()} metrics, "
            f"{used['n_repeats']} repeats of {used['n_compared']} cells\n{self.verdict().headline}"
        )

    def _repr_html_(self) -> str:
        from html import escape

        shown = self.table[["title", "group", "value", "floor", "null", "score", "note"]]
        numbers = shown.to_html(index=False, float_format="{:.3g}".format, na_rep="")
        return f"<p>{escape(self.verdict().headline)}</p>{numbers}"
