"""Running the cells of a grid, each in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from scgarage.benchmark.grid import BUNDLED, Cell, Grid, make_contestant
from scgarage.errors import InputError
from scgarage.io import atomic_output
from scgarage.io.result import to_json

if TYPE_CHECKING:
    from anndata import AnnData

    from scgarage.judge.evaluation import Evaluation
    from scgarage.judge.privacy import Audit
    from scgarage.pp import Split


DONE, FAILED = "done", "failed"
"""Status of a record."""


def write_record(record: Mapping[str, Any], cell: Cell, out: str | Path) -> Path:
    """Write a cell's record, in the place of an older one."""
    path = cell.record_path(out)
    with atomic_output(path, overwrite=True) as temporary:
        temporary.write_text(to_json(record), encoding="utf-8")
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


WORDS: dict[bool | None, str] = {True: "yes", False: "no", None: "cannot say"}


def measure_cell(cell: Cell) -> dict[str, Any]:
    """Split, fit, sample as many cells as there are training cells, evaluate and audit."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            record = _measure(cell)
        except Exception as error:  # noqa: BLE001  (one cell must not stop the others)
            record = failed_record(cell, f"{type(error).__name__}: {error}", traceback.format_exc())
    texts = [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
    return record | {
        "warnings": list(dict.fromkeys(texts)),
        "peak_mb": peak_memory(),
        "scgarage_version": version("scgarage"),
    }


def peak_memory() -> float:
    """Return the largest memory that this process has held so far, in MiB; NaN where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)  # bytes on macOS, KiB elsewhere


def _measure(cell: Cell) -> dict[str, Any]:
    from scgarage.judge.evaluation import evaluate
    from scgarage.judge.privacy import audit
    from scgarage.pp import split

    data, judging = cell.data, cell.judging
    parts = split(_read(cell), labels_key=data.labels_key, batch_key=data.batch_key, random_state=cell.seed)
    cells, seconds = _make(cell, parts)
    start = time.perf_counter()
    evaluation = evaluate(
        cells,
        parts,
        labels_key=data.labels_key,
        profile=judging.profile,  # type: ignore[arg-type]
        n_repeats=judging.n_repeats,
        n_top_genes=judging.n_top_genes,
        max_cells=judging.max_cells,
        metrics=judging.metrics,
        random_state=cell.seed,
    )
    audited = audit(cells, parts, labels_key=data.labels_key, random_state=cell.seed)
    return (
        describe(cell)
        | {"status": DONE, "error": None, "n_train": parts.train.n_obs, "n_genes": parts.train.n_vars}
        | seconds
        | {"judge_seconds": round(time.perf_counter() - start, 3), "audit_verdict": audited.verdict}
        | {"rows": evaluation_rows(evaluation) + audit_rows(audited)}
    )


def _read(cell: Cell) -> "AnnData":
    from scgarage.datasets import pbmc68k
    from scgarage.io import read

    if cell.data.path == BUNDLED:
        return pbmc68k()
    return read(cell.folder / cell.data.path, layer=cell.data.layer, labels_key=cell.data.labels_key)


def _make(cell: Cell, parts: "Split") -> tuple["AnnData", dict[str, Any]]:
    """Fit the model and sample from it; return the cells and the seconds of both."""
    from scgarage.models import FitOptions

    model = make_contestant(cell.model.model, cell.model.params, cell.seed)
    batch_key = cell.data.batch_key if model.knows_batches else None
    start = time.perf_counter()
    model.fit(
        parts.train,
        labels_key=cell.data.labels_key,
        batch_key=batch_key,
        validation=parts.validation if parts.validation.n_obs else None,
        options=FitOptions(progress=False),
    )
    fitted = time.perf_counter()
    cells = model.sample(parts.train.n_obs, random_state=cell.seed)
    sampled = time.perf_counter()
    return cells, {
        "batch_key": batch_key,
        "fit_seconds": round(fitted - start, 3),
        "sample_seconds": round(sampled - fitted, 3),
    }


def evaluation_rows(evaluation: "Evaluation") -> list[dict[str, Any]]:
    """Return the table of an evaluation as rows of the benchmark."""
    return [{"judge": "evaluation"} | _named(row) for row in evaluation.table.to_dict("records")]


def audit_rows(audited: "Audit") -> list[dict[str, Any]]:
    """Return the table of a privacy audit as rows of the benchmark; a check is a metric."""
    rows = [_named(row) for row in audited.table.to_dict("records")]
    return [{"judge": "audit", "metric": row.pop("check")} | row | {"passed": WORDS[row["passed"]]} for row in rows]


def _named(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

ATTACHED = "--attached"
"""Last argument of a process that ends with the one that started it."""

LAST_LINES = 20
"""Lines of a dead process's last words that are kept."""


class Lifeline:
    """A pipe that is cut when this process ends, however it ends; the processes that hold it then end, too.

    The system closes the pipe of a process that is killed, so this needs nothing that only some systems have.
    """

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.is_cut = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.is_cut = True
        os.close(self.writing)
        os.close(self.reading)

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command that calls :func:`end_with_parent`, in a process group of its own."""
        group: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
        return subprocess.run(  # noqa: S603  (no shell)
            command,
            env=environment,
            stdin=self.reading,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            **group,
        )


def end_with_parent() -> None:
    """End this process and those that it started as soon as its standard input, a :class:`Lifeline`, is cut."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        if os.name == "posix" and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def run_isolated(
    cell: Cell, grid: Grid, out: str | Path, *, n_threads: int | None = None, lifeline: Lifeline | None = None
) -> None:
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
    lifeline
        What the process lives by; it ends when this process does in any case.
    """
    cell.record_path(out).unlink(missing_ok=True)
    command = [sys.executable, "-P", "-m", "scgarage.benchmark", str(grid.path), str(out), cell.id, ATTACHED]
    limits = {} if n_threads is None else dict.fromkeys(THREAD_VARIABLES, str(n_threads))
    with Lifeline() if lifeline is None else nullcontext(lifeline) as line:
        done = line.run(command, limits | os.environ)
    if read_record(cell, out) is None and not (lifeline is not None and lifeline.is_cut):
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
    The record, see :func:`scgarage.benchmark.run.measure_cell`.
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
    with ThreadPoolExecutor(n_jobs) as pool, Lifeline() as line:
        step = partial(_run_one, grid=grid, out=out, n_threads=n_threads, lifeline=line if isolated else None)
        try:
            for cell, record in zip(todo, pool.map(step, todo) if isolated else map(step, todo), strict=True):
                if when_done is not None:
                    when_done(cell, record)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return todo


def forget_failed(grid: Grid, out: str | Path) -> int:
    """Delete the records of failed cells, so that a workflow makes them again; return how many there were."""
    records = [(cell, read_record(cell, out)) for cell in grid.cells()]
    failed = [cell for cell, record in records if record is not None and record["status"] == FAILED]
    for cell in failed:
        cell.record_path(out).unlink()
    return len(failed)


def _run_one(
    cell: Cell, *, grid: Grid, out: str | Path, n_threads: int | None, lifeline: Lifeline | None
) -> dict[str, Any]:
    if lifeline is None:
        return run_cell(cell, out)
    run_isolated(cell, grid, out, n_threads=n_threads, lifeline=lifeline)
    return read_record(cell, out) or failed_record(cell, "the record vanished")
