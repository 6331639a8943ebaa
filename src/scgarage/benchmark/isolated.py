"""One cell in a Python process of its own, which may be killed without harm to the others."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from scgarage.benchmark.grid import Cell, Grid
from scgarage.benchmark.record import failed_record, read_record, write_record

__all__ = ["run_isolated"]

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

LAST_LINES = 20
"""Lines of a dead process's last words that are kept."""


def run_isolated(cell: Cell, grid: Grid, out: str | Path, *, n_threads: int | None = None) -> None:
    """Run a cell in a new process, which writes the record; write one that says how the process died if it did.

    Parameters
    ----------
    cell
        The cell.
    grid
        The grid that it belongs to.
    out
        Folder of the benchmark.
    n_threads
        Threads of the process, unless the environment says how many; as many as it likes when ``None``.
    """
    cell.record_path(out).unlink(missing_ok=True)
    command = [sys.executable, "-P", "-m", "scgarage.benchmark", str(grid.path), str(out), cell.id]
    limits = {} if n_threads is None else dict.fromkeys(THREAD_VARIABLES, str(n_threads))
    done = subprocess.run(  # noqa: S603  (this Python, our module, and no shell)
        command, env=limits | os.environ, capture_output=True, text=True, errors="replace", check=False
    )
    if read_record(cell, out) is None:
        last = "\n".join(done.stderr.splitlines()[-LAST_LINES:])
        write_record(failed_record(cell, death(done.returncode), last), cell, out)


def death(code: int) -> str:
    """Say how a process ended that left no record.

    Examples
    --------
    >>> death(-9)
    'the process was ended by SIGKILL, as happens when memory runs out'
    >>> death(3)
    'the process ended with code 3 before it wrote a result'
    """
    if code >= 0:
        return f"the process ended with code {code} before it wrote a result"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the process was ended by {name}{', as happens when memory runs out' if name == 'SIGKILL' else ''}"
