"""All records of a grid -> one tidy table, in one Parquet or CSV file."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pandas as pd

from scgarage.benchmark.grid import Grid
from scgarage.benchmark.record import read_record
from scgarage.errors import MissingExtraError
from scgarage.io import atomic_output

__all__ = ["COLUMNS", "Format", "check_format", "collect", "write_results"]

Format: TypeAlias = Literal["parquet", "csv"]
"""Format of the table."""

NUMBERS = ("value", "value_sd", "floor", "floor_sd", "null", "null_sd", "score", "low", "high", "threshold")
"""Numbers of a row; those that its judge does not give are missing."""

OF_CELL = ("fit_seconds", "sample_seconds", "judge_seconds", "peak_mb", "n_train", "n_genes")
"""Numbers of a cell, repeated in its rows."""

TEXTS_OF_CELL = ("audit_verdict", "batch_key", "scgarage_version", "key", "error")

COLUMNS = (
    *("data", "model", "seed", "status", "judge", "metric", "title", "group"),
    *NUMBERS,
    *("passed", "better", "n_repeats", "n_cells", "note"),
    *OF_CELL,
    *TEXTS_OF_CELL,
)
"""Columns of the table, in order."""

_NUMERIC = (*NUMBERS, "n_repeats", "n_cells", *OF_CELL)
_TEXTS = tuple(name for name in COLUMNS if name not in {*_NUMERIC, "seed"})


def check_format(format: str) -> None:  # noqa: A002  (the option's name)
    """Refuse Parquet when it cannot be written, before hours of work.

    Raises
    ------
    MissingExtraError
        If ``format`` is ``"parquet"`` and pyarrow is not installed.
    """
    if format == "parquet" and find_spec("pyarrow") is None:
        msg = "Parquet needs the package pyarrow: pip install 'scgarage[benchmark]', or write csv (--format csv)"
        raise MissingExtraError(msg)


def collect(grid: Grid, out: str | Path) -> pd.DataFrame:
    """Read the records of a grid's cells, those of other settings left out.

    Parameters
    ----------
    grid
        What was run.
    out
        Folder of the benchmark.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`COLUMNS`. One row for each metric or check (``judge`` is ``"evaluation"`` or ``"audit"``) and
        group of a cell that is ``"done"``; one row without a metric for a cell that is ``"failed"`` (``error`` says
        why) or ``"not run"``. Times are seconds, ``peak_mb`` MiB; a number that is missing is NaN, a text ``None``.
    """
    rows: list[dict[str, Any]] = []
    for cell in grid.cells():
        record = read_record(cell, out) or {"status": "not run", "key": cell.key, "rows": []}
        first = {"data": cell.data.name, "model": cell.model.name, "seed": cell.seed, "status": record["status"]}
        about = first | {name: record.get(name) for name in (*OF_CELL, *TEXTS_OF_CELL)}
        rows += [about | row for row in record["rows"]] or [about]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = {name: pd.to_numeric(table[name]).astype("float64") for name in _NUMERIC}
    texts = {name: table[name].astype(object).where(table[name].notna(), None) for name in _TEXTS}
    return table.assign(**numbers, **texts)


def write_results(table: pd.DataFrame, out: str | Path, *, format: Format = "parquet") -> Path:  # noqa: A002
    """Write the table to ``results.parquet`` or ``results.csv``, in the place of an older one.

    Parameters
    ----------
    table
        Result of :func:`collect`.
    out
        Folder of the benchmark.
    format
        ``"parquet"`` or ``"csv"``.

    Returns
    -------
    The file.

    Raises
    ------
    MissingExtraError
        If ``format`` is ``"parquet"`` and pyarrow is not installed.
    """
    check_format(format)
    path = Path(out) / f"results.{format}"
    with atomic_output(path, overwrite=True) as temporary:
        if format == "parquet":
            table.to_parquet(temporary, index=False, engine="pyarrow")
        else:
            table.to_csv(temporary, index=False)
    return path
