"""What an evaluation found, and its files."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from anndata import AnnData

from scgarage.errors import InputError
from scgarage.io.result import FileResult, read_json
from scgarage.judge.evaluation.cells import describe_cells
from scgarage.judge.evaluation.comparison import TYPE_COLUMNS
from scgarage.judge.evaluation.inputs import origin_notes, real_labels, synthetic_labels
from scgarage.judge.evaluation.table import COLUMNS
from scgarage.judge.evaluation.verdict import Finding, Verdict, find, verdict
from scgarage.pp import Split
from scgarage.schema import UNS_KEY

if TYPE_CHECKING:
    from scgarage.report import Given


def _no_types() -> pd.DataFrame:
    return pd.DataFrame(columns=list(TYPE_COLUMNS))


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(FileResult):
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
    by_type
        Means over the repeats for every type, common ones too: ``type``, ``metric``, ``value`` and ``floor``.
    confusion
        Cells of all repeats by their label (rows) and the type that a classifier of real cells gives them (columns),
        for real held-out, real training and synthetic cells.
    """

    settings: dict[str, Any]
    synthetic: AnnData
    split: Split
    by_type: pd.DataFrame = field(default_factory=_no_types)
    confusion: dict[str, pd.DataFrame] = field(default_factory=dict)

    def verdict(self) -> Verdict:
        """Return what the numbers say, in words."""
        return verdict(self.table, type_counts=self.settings.get("type_counts"), notes=self.settings.get("notes", ()))

    def findings(self) -> dict[tuple[str, str], Finding]:
        """Return what is said of single numbers, by metric and group, where limits were measured.

        Returns
        -------
        dict
            Each has a ``level`` (0 close, 1 with care, 2 poor) and a ``sentence``.
        """
        return find(self.table, self.settings.get("type_counts"))

    def words(self) -> str:
        """Return the verdict as lines of text."""
        return str(self.verdict())

    def _shown(self, *, notes: bool = False) -> list[pd.DataFrame]:
        return [self.table[["title", "group", "value", "floor", "null", "score", *["note"] * notes]]]

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

    def report(
        self,
        path: str | Path,
        *,
        audit: "Given | None" = None,
        utility: "Given | None" = None,
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

        return write_report(self, path, audit=audit, utility=utility, structure=structure, overwrite=overwrite)

    def _about(self) -> dict[str, Any]:
        return dict(self.synthetic.uns.get(UNS_KEY, {}))

    def _content(self) -> dict[str, Any]:
        return {
            "verdict": asdict(self.verdict()),
            "settings": self.settings,
            "split": self.split.record(),
            "model": {name: value for name, value in self._about().items() if name != "history"},
            "table": self.table,
            "by_type": self.by_type,
            "confusion": {name: cells.to_dict("split") for name, cells in self.confusion.items()},
        }

    def __repr__(self) -> str:
        used = self.settings
        return (
            f"Evaluation of {used['n_synthetic']} synthetic cells: {self.table['metric'].nunique()} metrics, "
            f"{used['n_repeats']} repeats of {used['n_compared']} cells\n{self.verdict().headline}"
        )


NUMBERS = ("value", "value_sd", "floor", "floor_sd", "null", "null_sd", "score")
"""Columns in which a number can be missing."""


def read_evaluation(
    path: str | Path, synthetic: AnnData, split: Split, *, labels_key: str | None = None, layer: str | None = None
) -> Evaluation:
    """Read an evaluation and put it together with the cells that it is about.

    Parameters
    ----------
    path
        JSON or CSV file that :meth:`Evaluation.save` wrote.
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
        From JSON as it was saved. From CSV without numbers by type, and with the settings that table and cells tell;
        numbers of genes and components and the seed are not among them.

    Raises
    ------
    InputError
        If the file is none of them, or is about other cells.
    """
    if Path(path).suffix == ".json":
        return _from_json(Path(path), synthetic, split)
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


def _from_json(path: Path, synthetic: AnnData, split: Split) -> Evaluation:
    content = read_json(path)
    table = pd.DataFrame(content.get("table", []), columns=list(COLUMNS))
    if table.empty or not isinstance(content.get("settings"), Mapping):
        msg = f"{path} is no evaluation that scgarage wrote: it has no table or no settings"
        raise InputError(msg)
    settings = dict(content["settings"])
    ours = {name: split.record()[name] for name in ("fingerprint", "n_train", "n_test")}
    theirs = {name: content["split"][name] for name in ours} | {"n_synthetic": settings["n_synthetic"]}
    ours["n_synthetic"] = synthetic.n_obs
    if ours != theirs:
        msg = f"{path} is about other cells ({theirs}, not {ours}); give those that were judged, or evaluate again"
        raise InputError(msg)
    return Evaluation(
        table.astype(dict.fromkeys(NUMBERS, float)),
        settings,
        synthetic,
        split,
        pd.DataFrame(content.get("by_type", []), columns=list(TYPE_COLUMNS)),
        {name: pd.DataFrame(**cells) for name, cells in content.get("confusion", {}).items()},
    )


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
