"""Run a grid: what is missing or has failed, one cell after the other or several at a time."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from scgarage.benchmark.grid import Cell, Grid
from scgarage.benchmark.isolated import run_isolated
from scgarage.benchmark.measure import measure_cell
from scgarage.benchmark.record import FAILED, failed_record, is_done, read_record, write_record
from scgarage.errors import InputError

__all__ = ["forget_failed", "run_cell", "run_grid"]

Done = Callable[[Cell, dict[str, Any]], None]
"""Called with each cell and its record when it has been run."""


def run_cell(cell: Cell, out: str | Path) -> dict[str, Any]:
    """Run one cell in this process and write its record, also when it fails.

    Parameters
    ----------
    cell
        What to run.
    out
        Folder of the benchmark; the record goes to its folder ``cells``.

    Returns
    -------
    The record, see :func:`scgarage.benchmark.measure.measure_cell`.
    """
    record = measure_cell(cell)
    write_record(record, cell, out)
    return record


def run_grid(
    grid: Grid,
    out: str | Path,
    *,
    only: Mapping[str, set[str]] | None = None,
    n_jobs: int = 1,
    isolated: bool = True,
    when_done: Done | None = None,
) -> list[Cell]:
    """Run the cells of a grid that have no result yet; a cell that fails does not stop the others.

    Parameters
    ----------
    grid
        What to run.
    out
        Folder of the benchmark. A cell whose record there is of the same settings and worked is not run again.
    only
        Names of data sets (``"data"``), models (``"model"``) and seeds (``"seed"``) to run; all by default.
    n_jobs
        Cells at a time; they share the processors.
    isolated
        Whether each cell has a process of its own. Without, peak memory is that of everything so far, and a crash
        ends the run.
    when_done
        Called with each cell and its record when it has been run.

    Returns
    -------
    The cells that were run.

    Raises
    ------
    InputError
        If ``only`` names what is not in the grid, ``n_jobs`` is below 1, or cells at a time are asked for without
        processes of their own.
    """
    if n_jobs < 1 or (n_jobs > 1 and not isolated):
        msg = f"n_jobs is {n_jobs}; expected at least 1, and 1 for cells that have no process of their own"
        raise InputError(msg)
    todo = [cell for cell in grid.cells(only) if not is_done(cell, out)]
    n_threads = max(1, (os.cpu_count() or 1) // n_jobs) if n_jobs > 1 else None
    step = partial(_run_one, grid=grid, out=out, n_threads=n_threads, isolated=isolated)
    with ThreadPoolExecutor(n_jobs) as pool:
        records = pool.map(step, todo) if isolated else map(step, todo)
        for cell, record in zip(todo, records, strict=True):
            if when_done is not None:
                when_done(cell, record)
    return todo


def forget_failed(grid: Grid, out: str | Path) -> int:
    """Delete the records of failed cells, so that a workflow makes them again; return how many there were."""
    records = [(cell, read_record(cell, out)) for cell in grid.cells()]
    failed = [cell for cell, record in records if record is not None and record["status"] == FAILED]
    for cell in failed:
        cell.record_path(out).unlink()
    return len(failed)


def _run_one(cell: Cell, *, grid: Grid, out: str | Path, n_threads: int | None, isolated: bool) -> dict[str, Any]:
    if not isolated:
        return run_cell(cell, out)
    run_isolated(cell, grid, out, n_threads=n_threads)
    return read_record(cell, out) or failed_record(cell, "the record vanished")
