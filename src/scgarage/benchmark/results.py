"""Finished cells as one table, their ranks, and what to look at first."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from scgarage.benchmark.grid import Grid
from scgarage.benchmark.run import DONE, read_record
from scgarage.errors import MissingExtraError
from scgarage.io import atomic_output
from scgarage.metrics.metric import loss

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


GROUPS = ("all", "rare")
"""Groups of cells that a summary shows; single types stay in the table."""

_BY = ["data", "group", "metric"]


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    r"""Average the evaluation over seeds and rank the models.

    The rank of a model among those of a data set is :math:`1 + |\{m : \ell_m < \ell\}|`, with
    :math:`\ell` the loss of the mean value: the value, its negative, or its distance to the target, whichever way the
    metric improves. Ranks say the order and nothing of the size of a difference.

    Parameters
    ----------
    results
        Result of :func:`scgarage.benchmark.collect`.

    Returns
    -------
    pandas.DataFrame
        One row for each data set, group (``"all"`` and ``"rare"``), metric and model: ``title``, ``better``,
        ``mean`` and ``sd`` (over seeds, ddof 1; NaN for one seed), means ``floor``, ``null`` and ``score``, ``n_seeds``
        with a value, and ``rank`` (1 is best; NaN without a value).
    """
    rows = results[(results["judge"] == "evaluation") & results["group"].isin(GROUPS)]
    table = (
        rows.groupby([*_BY, "model"], sort=False)
        .agg(
            title=("title", "first"),
            better=("better", "first"),
            mean=("value", "mean"),
            sd=("value", "std"),
            floor=("floor", "mean"),
            null=("null", "mean"),
            score=("score", "mean"),
            n_seeds=("value", "count"),
        )
        .reset_index()
    )
    if table.empty:
        return table.assign(rank=pd.Series(dtype=float))
    losses = [
        np.nan if np.isnan(mean) else loss(mean, way) for mean, way in zip(table["mean"], table["better"], strict=True)
    ]
    ranks = table.assign(loss=losses).groupby(_BY, sort=False)["loss"].rank(method="min")
    return table.assign(rank=ranks)


def mean_ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Average the ranks over the metrics that say something.

    Those are the metrics for which every model of the data set has a rank and a score. There is no score where the
    null is as good as real cells: a good rank there is no merit.

    Parameters
    ----------
    table
        Result of :func:`summarise`.

    Returns
    -------
    pandas.DataFrame
        One row for each data set, group and model: ``mean_rank`` and ``n_metrics``, best first.
    """
    n_models = table.groupby("data")["model"].transform("nunique")
    scored = table["rank"].where(table["score"].notna())
    complete = table[scored.groupby([table[name] for name in _BY]).transform("count") == n_models]
    ranks = complete.groupby(["data", "group", "model"], sort=False)["rank"].agg(mean_rank="mean", n_metrics="count")
    return ranks.reset_index().sort_values(["data", "group", "mean_rank"], kind="stable", ignore_index=True)


@dataclass(frozen=True)
class Column:
    """One number of a model on a data set."""

    title: str  # head of the column
    # metric of the evaluation or check of the audit; of several the highest value of each seed is taken
    metrics: tuple[str, ...]
    judge: str = "evaluation"  # which rows of the table hold it
    group: str = "all"
    over_floor: bool = False  # whether the value is divided by its floor, what real cells score


GLANCE = (
    Column("sliced Wasserstein, x floor", ("sliced_wasserstein",), over_floor=True),
    Column("forest", ("c2st_forest",)),
    Column("logistic", ("c2st_logistic",)),
    Column("coverage, x floor", ("coverage",), over_floor=True),
    Column("gene correlations, x floor", ("gene_correlation_error",), over_floor=True),
    Column("rare types kept", ("types_present",), group="rare"),
    Column("rare fold changes, x floor", ("lfc_correlation",), group="rare", over_floor=True),
    Column("memorised", ("memorisation_share",), judge="audit"),
    Column("strongest attack", ("distance_auroc", "gan_leaks_auroc", "domias_auroc"), judge="audit"),
)
"""Columns of :func:`glance`, in order. ``"forest"`` and ``"logistic"`` are AUROCs, 0.5 is best and what real cells
score; ``"memorised"`` and ``"strongest attack"`` are 0.5 for fresh real cells, the strongest of three a little more."""


def glance(results: pd.DataFrame, columns: tuple[Column, ...] = GLANCE) -> pd.DataFrame:
    """Average a few telling numbers over seeds.

    Parameters
    ----------
    results
        Result of :func:`scgarage.benchmark.collect`.
    columns
        Which numbers.

    Returns
    -------
    pandas.DataFrame
        One row for each data set, model and column: ``mean`` and ``sd`` over seeds (ddof 1) and ``n_seeds`` with a
        value. Models without a cell that is done are left out.
    """
    done = results[results["status"] == DONE]
    models = done[["data", "model"]].drop_duplicates()
    tables = []
    for column in columns:
        rows = done[
            (done["judge"] == column.judge) & (done["group"] == column.group) & done["metric"].isin(column.metrics)
        ]
        values = rows["value"] / rows["floor"].where(rows["floor"] != 0) if column.over_floor else rows["value"]
        of_seeds = rows.assign(value=values).groupby(["data", "model", "seed"], sort=False)["value"].max()
        means = of_seeds.groupby(["data", "model"], sort=False).agg(mean="mean", sd="std", n_seeds="count")
        tables.append(models.merge(means.reset_index(), how="left").assign(column=column.title))
    table = pd.concat(tables, ignore_index=True)
    return table.assign(n_seeds=table["n_seeds"].fillna(0).astype(int))[
        ["data", "model", "column", "mean", "sd", "n_seeds"]
    ]
