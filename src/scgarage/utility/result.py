"""What the experiment returns."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from scgarage.errors import InputError
from scgarage.io import atomic_output
from scgarage.io.atomic import check_output
from scgarage.utility.differences import best_pipelines, summarise
from scgarage.utility.scores import SCORES
from scgarage.utility.wording import sentences

__all__ = ["RareUtility"]


@dataclass(frozen=True, eq=False)
class RareUtility:
    """Scores of every classifier and training set, and what they say.

    Attributes
    ----------
    table
        One row for each value, columns ``data_set``, ``setting`` (``"as it is"`` or, for example, ``"5 training
        cells"``), ``split``, ``target`` (the type), ``k`` (its real training cells), ``comparator`` (also the name
        of the generator, with ``" alone"`` when only synthetic cells trained), ``kind`` (``"comparator"``,
        ``"synthetic"`` or ``"synthetic-only"``), ``pipeline``, ``metric`` and ``value`` in [0, 1].
    settings
        How it was made; plain values.
    """

    table: pd.DataFrame
    settings: dict[str, Any]

    @cached_property
    def _summary(self) -> pd.DataFrame:
        return summarise(self.table)

    def summary(self) -> pd.DataFrame:
        """Return paired differences of each generator to each comparator and to the best one.

        Returns
        -------
        See :func:`scgarage.utility.differences.summarise`; empty when no generator took part.
        """
        return self._summary.copy()

    def best_pipeline(self, metric: str = "auprc") -> pd.DataFrame:
        """Return the best pipeline without synthetic cells beside the best one with them.

        Parameters
        ----------
        metric
            Name of a score: ``"auprc"``, ``"f1"``, ``"recall"``, ``"macro_f1"`` or ``"f1_best_threshold"``.

        Returns
        -------
        See :func:`scgarage.utility.differences.best_pipelines`.

        Raises
        ------
        InputError
            For an unknown metric.
        """
        if metric not in SCORES:
            msg = f"metric is {metric!r}; expected one of: {', '.join(SCORES)}"
            raise InputError(msg)
        return best_pipelines(self.table, metric)

    def sentences(self) -> list[str]:
        """Return what the numbers say about synthetic cells, in words."""
        return sentences(self._summary, self.best_pipeline())

    def save(self, path: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Write the tidy table as CSV and, beside it, settings, summaries and sentences as JSON.

        Parameters
        ----------
        path
            CSV file to write; the JSON file has the same name with the ending ``.json``.
        overwrite
            Whether to replace existing files.

        Returns
        -------
        list of pathlib.Path
            The two files.

        Raises
        ------
        InputError
            If ``path`` does not end in ``.csv``.
        OutputExistsError
            If a file exists and ``overwrite`` is false.
        """
        path = Path(path)
        if path.suffix != ".csv":
            msg = f"{path} does not end in .csv; choose another name"
            raise InputError(msg)
        record = path.with_suffix(".json")
        check_output(record, overwrite=overwrite)
        contents = {
            "settings": self.settings,
            "sentences": self.sentences(),
            "best_pipeline": _plain(self.best_pipeline()),
            "summary": _plain(self._summary),
        }
        with atomic_output(path, overwrite=overwrite) as temporary:
            self.table.to_csv(temporary, index=False, lineterminator="\n")
            with atomic_output(record, overwrite=overwrite) as temporary_record:
                temporary_record.write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")
        return [path, record]

    def __repr__(self) -> str:
        held = self.table
        return (
            f"RareUtility of {held['data_set'].nunique()} data sets, {held['split'].nunique()} splits, "
            f"{held['target'].nunique()} target types, {held['comparator'].nunique()} training sets and "
            f"{held['pipeline'].nunique()} pipelines\n" + "\n".join(self.sentences())
        )


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows that JSON can hold; what was not measured is ``None``."""
    records: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=10))
    return records
