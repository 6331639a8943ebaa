"""Read a saved table back, for a report that computes nothing again."""

from pathlib import Path
from typing import Any

import pandas as pd
from anndata import AnnData

from scgarage.errors import InputError
from scgarage.evaluation.labels import real_labels, synthetic_labels
from scgarage.evaluation.provenance import origin_notes
from scgarage.evaluation.result import Evaluation
from scgarage.evaluation.settings import describe_cells
from scgarage.evaluation.table import COLUMNS
from scgarage.preprocess import Split

__all__ = ["read_evaluation"]

NUMBERS = ("value", "value_sd", "floor", "floor_sd", "null", "null_sd", "score")
"""Columns in which a number can be missing."""


def read_evaluation(
    path: str | Path,
    synthetic: AnnData,
    split: Split,
    *,
    labels_key: str | None = None,
    layer: str | None = None,
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
