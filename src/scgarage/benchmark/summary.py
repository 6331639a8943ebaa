"""What a benchmark found, for people: one HTML page and the same in Markdown."""

import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from scgarage.analyses.seed_study import rank_blocks
from scgarage.benchmark.grid import Grid
from scgarage.benchmark.results import GLANCE, GROUPS, glance, mean_ranks, summarise
from scgarage.benchmark.run import DONE, FAILED
from scgarage.io import atomic_output
from scgarage.plotting.scores import MIN_BLOCKS, MIN_METHODS, critical_difference, rank_test
from scgarage.plotting.style import figure_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


NOTHING = "–"
"""Stands where there is no number."""

DIAGRAM = "critical_difference.svg"

GROUP_TITLES = {"all": "All cells", "rare": "Rare types together"}

COSTS = {
    "fit_seconds": "fit, s",
    "sample_seconds": "sample, s",
    "judge_seconds": "judge, s",
    "peak_mb": "peak memory, MiB",
}


def write_summary(results: pd.DataFrame, grid: Grid, out: str | Path) -> tuple[Path, Path]:
    """Write ``summary.html``, one file that needs no network, and ``summary.md``, in the place of older ones.

    For each data set: what to look at first (:func:`scgarage.benchmark.results`), every metric of all cells and of the
    rare types as mean ± sd over seeds with the rank of each
    model, the audits' verdicts, times and peak memory; then the cells that failed, with the error. For three models or
    more with two results each also ``critical_difference.svg``, the mean ranks over all data sets and seeds, which the
    page contains.

    Parameters
    ----------
    results
        Result of :func:`scgarage.benchmark.collect`.
    grid
        What was run.
    out
        Folder of the benchmark.

    Returns
    -------
    The two files.
    """
    content = _content(results, grid) | _write_diagram(results, Path(out))
    files = []
    environment = Environment(
        loader=PackageLoader("scgarage.benchmark", "."),
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html.j2",)),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("summary.html", "summary.md"):
        text = environment.get_template(f"{name}.j2").render(content)
        path = Path(out) / name
        with atomic_output(path, overwrite=True) as temporary:
            temporary.write_text(text, encoding="utf-8")
        files.append(path)
    return files[0], files[1]


def _write_diagram(results: pd.DataFrame, out: Path) -> dict[str, Any]:
    """Write the critical-difference diagram, or remove that of older results; return what the page says of it."""
    path = out / DIAGRAM
    judged = results[results["judge"] == "evaluation"]
    ranks = rank_blocks(judged, blocks=("data", "seed")) if len(judged) else pd.DataFrame()
    if len(ranks) < MIN_BLOCKS or len(ranks.columns) < MIN_METHODS:
        path.unlink(missing_ok=True)
        return {"diagram": None}
    content = figure_bytes(cast("Figure", critical_difference(ranks).figure))
    with atomic_output(path, overwrite=True) as temporary:
        temporary.write_bytes(content)
    svg = content.decode()
    # Without what stands before and after the drawing: a file of its own needs it, a page does not.
    drawing = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    return {"diagram": {"svg": Markup(drawing), "file": DIAGRAM, "sentence": rank_test(ranks).sentence()}}  # noqa: S704


def _content(results: pd.DataFrame, grid: Grid) -> dict[str, Any]:
    cells = results.drop_duplicates(["data", "model", "seed"])
    means = summarise(results)
    ranks = mean_ranks(means)
    names = [entry.name for entry in grid.data]
    first = glance(results)
    return {
        "title": f"Benchmark {grid.path.stem}",
        "glance_titles": [column.title for column in GLANCE],
        "n": {status: int((cells["status"] == status).sum()) for status in (DONE, FAILED, "not run")}
        | {"all": len(cells)},
        "models": [entry.name for entry in grid.models],
        "seeds": ", ".join(map(str, grid.seeds)),
        "profile": grid.judging.profile,
        "data_sets": [
            _data_set(name, *(part[part["data"] == name] for part in (means, ranks, cells, first))) for name in names
        ],
        "failures": cells.loc[cells["status"] == FAILED, ["data", "model", "seed", "error"]].to_dict("records"),
        "version": version("scgarage"),
        "nothing": NOTHING,
    }


def _data_set(
    name: str, means: pd.DataFrame, ranks: pd.DataFrame, cells: pd.DataFrame, first: pd.DataFrame
) -> dict[str, Any]:
    tables = [_table(group, means[means["group"] == group], ranks[ranks["group"] == group]) for group in GROUPS]
    done = cells[cells["status"] == DONE]
    return {
        "name": name,
        "n_train": whole(done["n_train"].median()),
        "n_genes": whole(done["n_genes"].median()),
        "tables": [table for table in tables if table["rows"]],
        "costs": [
            _cost(str(model), done[done["model"] == model], rows, first[first["model"] == model])
            for model, rows in cells.groupby("model", sort=False)
        ],
        "cost_titles": list(COSTS.values()),
    }


def _table(group: str, means: pd.DataFrame, ranks: pd.DataFrame) -> dict[str, Any]:
    """Return one table: metrics down, models across."""
    models = list(dict.fromkeys(means["model"]))
    rows = []
    for _, part in means.groupby("metric", sort=False):
        by_model = part.set_index("model")
        entries = [_entry(by_model.loc[model]) if model in by_model.index else None for model in models]
        first = part.iloc[0]
        rows.append({
            "title": first["title"], "better": first["better"], "entries": entries,
            "floor": number(part["floor"].mean()), "null": number(part["null"].mean()),
        })  # fmt: skip
    mean_rank = {row["model"]: number(row["mean_rank"]) for row in ranks.to_dict("records")}
    n_metrics = int(ranks["n_metrics"].max()) if len(ranks) else 0
    return {
        "title": GROUP_TITLES[group], "models": models, "rows": rows, "n_metrics": n_metrics,
        "mean_ranks": [mean_rank.get(model, NOTHING) for model in models],
    }  # fmt: skip


def _entry(row: "pd.Series[Any]") -> dict[str, Any] | None:
    if np.isnan(row["mean"]):
        return None
    return {"text": with_sd(row["mean"], row["sd"]), "rank": int(row["rank"]), "n_seeds": int(row["n_seeds"])}


def _cost(model: str, done: pd.DataFrame, cells: pd.DataFrame, first: pd.DataFrame) -> dict[str, Any]:
    verdicts = done["audit_verdict"].value_counts()
    return {
        "model": model,
        "n": f"{len(done)} of {len(cells)}",
        "audit": ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()) or NOTHING,
        "costs": [with_sd(done[name].mean(), done[name].std()) for name in COSTS],
        "first": [two_decimals(row["mean"], row["sd"]) for row in first.to_dict("records")] or [NOTHING] * len(GLANCE),
        "needs": [number(done["fit_seconds"].mean(), 2), whole(done["peak_mb"].mean())],
    }


def whole(value: float) -> str:
    """Write a number without decimals; a missing one is a dash."""
    return NOTHING if not np.isfinite(value) else _fixed(value, 0)


def number(value: float, digits: int = 3) -> str:
    """Write a number with about three significant digits; a missing one is a dash.

    Examples
    --------
    >>> number(0.01234), number(1234.5), number(-0.5), number(float("nan"))
    ('0.0123', '1,234', '−0.500', '–')
    """
    return NOTHING if not np.isfinite(value) else _fixed(value, _decimals(value, digits))


def two_decimals(mean: float, sd: float) -> str:
    """Write a mean and, when there is one, its standard deviation with two decimals.

    Examples
    --------
    >>> two_decimals(1.0651, 0.004), two_decimals(0.5, float("nan"))
    ('1.07 ± 0.00', '0.50')
    """
    if not np.isfinite(mean):
        return NOTHING
    return _fixed(mean, 2) + (f" ± {_fixed(sd, 2)}" if np.isfinite(sd) else "")


def with_sd(mean: float, sd: float) -> str:
    """Write a mean and, when there is one, its standard deviation with the same decimals.

    Examples
    --------
    >>> with_sd(0.5123, 0.0201), with_sd(0.5, float("nan"))
    ('0.512 ± 0.020', '0.500')
    """
    if not (np.isfinite(mean) and np.isfinite(sd)):
        return number(mean)
    decimals = _decimals(mean, 3)
    return f"{_fixed(mean, decimals)} ± {_fixed(sd, decimals)}"


def _decimals(value: float, digits: int) -> int:
    size = abs(value)
    return digits - 1 if size == 0 else int(np.clip(digits - 1 - np.floor(np.log10(size)), 0, 5))


def _fixed(value: float, decimals: int) -> str:
    return f"{value:,.{decimals}f}".replace("-", "−")
