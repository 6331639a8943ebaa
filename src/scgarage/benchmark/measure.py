"""One cell of the grid, from the file of real cells to tidy rows."""

import sys
import time
import traceback
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from scgarage.benchmark.contestant import make_contestant
from scgarage.benchmark.grid import BUNDLED, Cell
from scgarage.benchmark.record import DONE, describe, failed_record

if TYPE_CHECKING:
    from anndata import AnnData

    from scgarage.evaluation import Evaluation
    from scgarage.preprocess import Split
    from scgarage.privacy import Audit

__all__ = ["measure_cell", "peak_memory"]

WORDS: dict[bool | None, str] = {True: "yes", False: "no", None: "cannot say"}


def measure_cell(cell: Cell) -> dict[str, Any]:
    """Split, fit, sample as many cells as there are training cells, evaluate and audit.

    Parameters
    ----------
    cell
        What to run.

    Returns
    -------
    dict
        ``status`` is ``"done"``, with ``rows``, or ``"failed"``, with ``error`` and, in ``details``, the traceback.
        With it ``fit_seconds``, ``sample_seconds``, ``judge_seconds``, ``peak_mb`` (largest memory of this process so
        far, MiB), numbers of cells and genes, ``audit_verdict``, the version of scgarage and the texts of warnings.
    """
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
    from scgarage.evaluation import evaluate
    from scgarage.preprocess import split
    from scgarage.privacy import audit

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
