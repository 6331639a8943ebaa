"""``scgarage benchmark``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from scgarage.cli.options import say
from scgarage.errors import InputError, ScgarageError

if TYPE_CHECKING:
    from scgarage.benchmark import Cell, Grid


def run_benchmark(
    grid: str,
    out: str,
    only: str | None = None,
    cell: str | None = None,
    collect: bool = False,
    forget_failed: bool = False,
    jobs: int = 1,
    format: Literal["parquet", "csv"] = "parquet",
) -> None:
    """Run models on data sets with several seeds, from one YAML file, and write one table and a summary.

    For each data set, model and seed: split, fit, sample as many cells as there are training cells, evaluate, audit.
    A result that is there already is kept, unless its settings have changed or it had failed; one that fails does
    not stop the others, and the exit code is then 1. See docs/benchmark-grid.md for the YAML file.

    Parameters
    ----------
    grid
        YAML file with data, models, seeds and evaluation.
    out
        Folder for the results: cells/ with a file for each cell, the table, summary.html and summary.md.
    only
        Cells to run, such as data=pbmc,model=garage,model=copula,seed=0; all by default.
    cell
        Run this one cell in this process and write nothing but its file, as DATA/MODEL/SEED; for workflows. A cell
        that fails says so in its file, and the exit code is 0.
    collect
        Run nothing; write table and summary of what is there.
    forget_failed
        Run nothing; delete the results of cells that failed, so that a workflow makes them again.
    jobs
        Cells at a time, each in a process of its own.
    format
        Format of the table; parquet needs the extra benchmark.
    """
    from scgarage import benchmark

    _check_one(only=only, cell=cell, collect=collect or None, forget_failed=forget_failed or None)
    if cell is None and not forget_failed:
        benchmark.check_format(format)
    plan = benchmark.read_grid(grid)
    if cell is not None:
        _tell(plan.cell(cell), benchmark.run_cell(plan.cell(cell), out))
        return
    if forget_failed:
        say(f"{benchmark.forget_failed(plan, out)} failed cells are forgotten")
        return
    if not collect:
        ran = benchmark.run_grid(plan, out, only=_choice(only), n_jobs=jobs, when_done=_tell)
        say(f"{len(ran)} cells run, {len(plan.cells(_choice(only))) - len(ran)} were there already")
    n_failed = _write(plan, out, format)
    if n_failed and not collect:
        msg = f"{n_failed} cells failed; {Path(out) / 'summary.html'} says why, and the same command tries them again"
        raise ScgarageError(msg)


def _write(plan: "Grid", out: str, format: Literal["parquet", "csv"]) -> int:
    """Write table and summary; return how many cells failed."""
    from scgarage.benchmark import collect, write_results, write_summary

    table = collect(plan, out)
    say(f"table: {write_results(table, out, format=format)}")
    say(f"summary: {write_summary(table, plan, out)[0]}")
    return int((table["status"] == "failed").sum())


def _tell(cell: "Cell", record: dict[str, Any]) -> None:
    if record["error"]:
        say(f"{cell.id}: failed: {record['error']}")
    else:
        say(f"{cell.id}: fit {record['fit_seconds']:.1f} s, judged in {record['judge_seconds']:.1f} s")


def _check_one(**given: object) -> None:
    names = ["--" + name.replace("_", "-") for name, value in given.items() if value is not None]
    if len(names) > 1:
        msg = f"{' and '.join(names)} do not go together; choose one"
        raise InputError(msg)


def _choice(only: str | None) -> dict[str, set[str]]:
    """Read ``data=a,model=b,model=c``."""
    choice: dict[str, set[str]] = {}
    for part in filter(None, (only or "").split(",")):
        field, found, name = part.partition("=")
        if not found or field not in {"data", "model", "seed"}:
            msg = f"--only has {part!r}; expected data=NAME, model=NAME or seed=NUMBER, with commas between them"
            raise InputError(msg)
        choice.setdefault(field, set()).add(name)
    return choice
