"""What an evaluation found, and its files."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from anndata import AnnData

from scgarage.errors import InputError
from scgarage.io import atomic_output
from scgarage.judge.evaluation.cells import describe_cells
from scgarage.judge.evaluation.inputs import origin_notes, real_labels, synthetic_labels
from scgarage.judge.evaluation.table import COLUMNS
from scgarage.judge.evaluation.verdict import Verdict, verdict
from scgarage.pp import Split
from scgarage.schema import UNS_KEY

if TYPE_CHECKING:
    from scgarage.report import GivenAudit, GivenUtility


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
        return verdict(self.table, type_counts=self.settings.get("type_counts"), notes=self.settings.get("notes", ()))

    def text(self) -> str:
        """Return the verdict and the table as plain text, for a terminal."""
        shown = self.table[["title", "group", "value", "floor", "null", "score"]]
        numbers = shown.to_string(index=False, float_format="{:.3f}".format, na_rep="-")
        return f"{self.verdict()}\n\n{numbers}"

    def to_frame(self) -> pd.DataFrame:
        """Return the table with what tells evaluations apart, for putting several below each other.

        Returns
        -------
        pandas.DataFrame
            The columns of ``table`` after ``dataset``, ``model``, ``model_seed``, ``n_train`` and ``judge_seed``;
            missing where neither the cells nor the settings say.
        """
        about = self._about()
        first = {
            "dataset": about.get("dataset"),
            "model": about.get("model"),
            "model_seed": about.get("parameters", {}).get("random_state"),
            "n_train": self.split.train.n_obs,
            "judge_seed": self.settings.get("random_state"),
        }
        return pd.concat([pd.DataFrame(first, index=self.table.index), self.table], axis=1)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write everything as JSON, or the table as CSV.

        Parameters
        ----------
        path
            File to write; it appears only when complete. With the ending ``.json`` it holds verdict, settings, what the
            cells say of their model, and the table with ``null`` for a missing number; otherwise the table as CSV.
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
            if Path(path).suffix == ".json":
                temporary.write_text(json.dumps(self._plain(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
            else:
                self.table.to_csv(temporary, index=False)
        return Path(path)

    def report(
        self,
        path: str | Path,
        *,
        audit: "GivenAudit | None" = None,
        utility: "GivenUtility | None" = None,
        structure: pd.DataFrame | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Write tables and figures as one HTML file.

        Parameters
        ----------
        path
            File to write.
        audit
            Result of :func:`scgarage.audit`; by default what the synthetic cells carry.
        utility
            Result of :func:`scgarage.judge.rare.rare_utility`.
        structure
            Result of :func:`scgarage.judge.clusters.compare_clusters`.
        overwrite
            Whether to replace an existing file.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        InputError
            If ``audit``, ``utility`` or ``structure`` is something else.
        OutputExistsError
            If the file exists and ``overwrite`` is false.
        """
        from scgarage.report import write_report

        parts: dict[str, Any] = {"audit": audit, "utility": utility, "structure": structure}
        given = {name: part for name, part in parts.items() if part is not None}
        return write_report(self, path, overwrite=overwrite, **given)

    def _about(self) -> dict[str, Any]:
        return dict(self.synthetic.uns.get(UNS_KEY, {}))

    def _plain(self) -> dict[str, Any]:
        about = {name: value for name, value in self._about().items() if name != "history"}
        content = {
            "verdict": asdict(self.verdict()),
            "settings": self.settings,
            "split": self.split.record(),
            "model": about,
            "table": self.table.to_dict("records"),
        }
        plain: dict[str, Any] = _plain_value(content)
        return plain

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


def _plain_value(value: Any) -> Any:
    """Turn what AnnData and pandas hold into what JSON can; a number that is missing is ``None``."""
    if isinstance(value, Mapping):
        return {str(key): _plain_value(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain_value(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain_value(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


NUMBERS = ("value", "value_sd", "floor", "floor_sd", "null", "null_sd", "score")
"""Columns in which a number can be missing."""


def read_evaluation(
    path: str | Path, synthetic: AnnData, split: Split, *, labels_key: str | None = None, layer: str | None = None
) -> Evaluation:
    """Read the table of an evaluation and put it together with the cells that it is about.

    Parameters
    ----------
    path
        CSV file that :meth:`Evaluation.save` wrote.
    synthetic
        The synthetic cells that were judged.
    split
        The real cells that they were judged against.
    labels_key
        Column of ``obs`` with the types; by default the one that the split knows.
    layer
        Layer that was judged; ``X`` by default.

    Returns
    -------
    Evaluation
        With the settings that table and cells tell; numbers of genes and components and the seed are not
        among them.

    Raises
    ------
    InputError
        If the file is no such table, or has other rare types than the real cells.
    """
    table = _read_table(Path(path))
    key = labels_key or split.labels_key
    real = real_labels(split, key)
    given = synthetic_labels(synthetic, key, real)
    settings: dict[str, Any] = {
        "layer": layer,
        "labels_key": key,
        "labels": "none" if key is None else "predicted" if given is None else "given",
        "n_repeats": int(table["n_repeats"].max()),
        "n_compared": int(table.loc[table["group"] == "all", "n_cells"].max()),
        "notes": origin_notes(synthetic, split, labelled=given is not None),
    } | describe_cells(real, None if key is None else given, n_synthetic=synthetic.n_obs)
    types = set(table["group"]) - {"all", "rare"}
    if types and types != set(settings["rare_types"]):
        msg = (
            f"{path} is about other cells: its rare types are {sorted(types)}, those of the real cells "
            f"{settings['rare_types']}; give the cells that the table was made from, or evaluate again"
        )
        raise InputError(msg)
    return Evaluation(table=table, settings=settings, synthetic=synthetic, split=split)


def _read_table(path: Path) -> pd.DataFrame:
    """Read the CSV; a type may be called "NA", and only numbers can be missing."""
    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=dict.fromkeys(NUMBERS, ""))
    except FileNotFoundError:
        msg = f"{path} does not exist; write it with evaluation.save(path) or scgarage evaluate --out"
        raise InputError(msg) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        msg = f"{path} is no table that scgarage wrote: {error}"
        raise InputError(msg) from error
    missing = [column for column in COLUMNS if column not in table]
    if missing or table.empty:
        msg = f"{path} is no table that scgarage wrote: columns {missing} are missing or there is no row"
        raise InputError(msg)
    return table
