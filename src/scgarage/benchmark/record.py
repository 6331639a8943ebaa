"""The result of one cell: a JSON file that appears only when complete."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scgarage.benchmark.grid import Cell
from scgarage.io import atomic_output

__all__ = ["DONE", "FAILED", "failed_record", "is_done", "read_record", "write_record"]

DONE, FAILED = "done", "failed"
"""Status of a record."""


def write_record(record: Mapping[str, Any], cell: Cell, out: str | Path) -> Path:
    """Write a cell's record, in the place of an older one.

    Parameters
    ----------
    record
        Plain values; numbers that are missing become ``null``.
    cell
        The cell.
    out
        Folder of the benchmark.

    Returns
    -------
    The file.
    """
    path = cell.record_path(out)
    with atomic_output(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(_plain(record), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def read_record(cell: Cell, out: str | Path) -> dict[str, Any] | None:
    """Return a cell's record, or ``None`` when there is none for these settings or it cannot be read."""
    try:
        record = json.loads(cell.record_path(out).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    known = isinstance(record, dict) and record.get("key") == cell.key and record.get("status") in {DONE, FAILED}
    return record if known else None


def is_done(cell: Cell, out: str | Path) -> bool:
    """Return whether a cell has been run with these settings, and worked."""
    record = read_record(cell, out)
    return record is not None and record["status"] == DONE


def failed_record(cell: Cell, error: str, details: str = "") -> dict[str, Any]:
    """Return the record of a cell that did not work."""
    return describe(cell) | {"status": FAILED, "error": error, "details": details, "rows": []}


def describe(cell: Cell) -> dict[str, Any]:
    """Return what says which cell a record is about."""
    return {"data": cell.data.name, "model": cell.model.name, "seed": cell.seed, "key": cell.key}


def _plain(value: Any) -> Any:
    """Turn numpy's numbers into Python's; one that is missing is ``None``."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
