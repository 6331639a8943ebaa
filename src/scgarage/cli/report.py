"""``scgarage report``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scgarage.cli.options import ReadOptions, RealCells, check_outputs
from scgarage.cli.output import say
from scgarage.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["run_report"]


def run_report(
    synthetic: str,
    table: str,
    out: str,
    cells: RealCells = RealCells(),  # noqa: B008  (frozen)
    labels_key: str | None = None,
    layer: str | None = None,
    audit: str | None = None,
    utility: str | None = None,
    structure: str | None = None,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Write the HTML report from a table that `scgarage evaluate --out` made, without computing it again.

    Parameters
    ----------
    synthetic
        File of synthetic cells.
    table
        Table of `scgarage evaluate`, csv.
    out
        Report to write, html.
    cells
        The real cells.
    labels_key
        Column of obs with the cell types; by default the one the model was fitted with.
    layer
        Layer that holds the values, instead of X.
    audit
        Audit to show, json of `scgarage audit --out`; by default the one that the synthetic cells carry.
    utility
        Whether the cells help to find rare ones: the json file that RareUtility.save wrote.
    structure
        Table of scgarage.structure.compare_structure, csv.
    read
        How to read text files.
    overwrite
        Replace the report if it exists.
    """
    check_outputs(out, overwrite=overwrite)
    from scgarage.evaluation import read_evaluation
    from scgarage.schema import UNS_KEY

    made = read.read(synthetic, labels_key=labels_key)
    labels_key = labels_key or made.uns.get(UNS_KEY, {}).get("labels_key")
    split = cells.split(made, labels_key=labels_key, read=read)
    result = read_evaluation(table, made, split, labels_key=labels_key, layer=layer)
    parts: dict[str, Any] = {
        "audit": None if audit is None else _read_json(audit),
        "utility": None if utility is None else _read_json(utility),
        "structure": None if structure is None else _read_csv(structure),
    }
    say(f"report: {result.report(out, overwrite=overwrite, **parts)}")


def _read_json(path: str) -> dict[str, Any]:
    """Read an object that another command wrote."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        msg = f"{path} is no JSON that scgarage wrote: {error}"
        raise InputError(msg) from error
    if not isinstance(content, dict):
        msg = f"{path} holds a {type(content).__name__}; expected the object that scgarage wrote"
        raise InputError(msg)
    return content


def _read_csv(path: str) -> "DataFrame":
    import pandas as pd

    try:
        return pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        msg = f"{path} is no table that scgarage wrote: {error}"
        raise InputError(msg) from error
