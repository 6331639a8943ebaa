"""What to look at first: fidelity, rare types, privacy and cost, a row for each model."""

from dataclasses import dataclass

import pandas as pd

from scgarage.benchmark.record import DONE

__all__ = ["GLANCE", "Column", "glance"]


@dataclass(frozen=True)
class Column:
    """One number of a model on a data set.

    Attributes
    ----------
    title
        Head of the column.
    metrics
        Metric of the evaluation or check of the audit; of several the highest value of each seed is taken.
    judge, group
        Which rows of the table hold it.
    over_floor
        Whether the value is divided by its floor, what real cells score.
    """

    title: str
    metrics: tuple[str, ...]
    judge: str = "evaluation"
    group: str = "all"
    over_floor: bool = False


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
